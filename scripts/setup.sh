#!/usr/bin/env bash
# Installs what kvern is built from, and nothing else: Debian packages, and LibTorch out of the torch wheel.
# What is there already is left as it is.
# shellcheck source-path=SCRIPTDIR
. "$(dirname "${BASH_SOURCE[0]}")/common.sh"

usage() {
  cat <<'END'
usage: scripts/setup.sh [--tests | --cuda]

Installs what is missing of
  - the Debian packages kvern is built from (as root, or by sudo);
  - LibTorch, from the torch wheel without its CUDA dependencies, in ~/.cache/kvern (or $XDG_CACHE_HOME/kvern).

  --tests   also the packages of scripts/test.sh: clang with its fuzzer, clang-format, clang-tidy
  --cuda    also a CUDA compiler, from NVIDIA's wheels, in ~/.cache/kvern; where nvcc is in PATH it is not needed
  --help    this text
END
}

packages=(g++ cmake ninja-build python3 python3-pip libboost-dev libboost-filesystem-dev libboost-system-dev
  libboost-program-options-dev libtomlplusplus-dev nlohmann-json3-dev libpcre2-dev libicu-dev libdlpack-dev libsndfile1-dev
  libsamplerate0-dev libedit-dev catch2)
test_packages=(clang libclang-rt-dev clang-format clang-tidy)

torch_version=2.11.0
# the wheel's libtorch_cpu.so names two libraries of the CUDA runtime; these are the versions that this torch asks for
wheels=("torch==$torch_version" nvidia-cuda-runtime==13.0.96 nvidia-cuda-cupti==13.0.85)
cache=${XDG_CACHE_HOME:-$HOME/.cache}/kvern
libtorch=$cache/libtorch-$torch_version
libtorch_needs_mb=2500 # the wheels while they are unpacked, and what is unpacked

cuda_version=$(sed -n 's/^set(KVERN_CUDA_VERSION \(.*\))$/\1/p' "$here/devices/CMakeLists.txt")
cuda_wheels=("nvidia-cuda-nvcc==$cuda_version" "nvidia-nvvm==$cuda_version" "nvidia-cuda-crt==$cuda_version"
  "nvidia-cuda-runtime==$cuda_version" nvidia-cuda-cccl==13.3.5.0.6)
cuda=$cache/cuda-$cuda_version
cuda_needs_mb=1000

missing_packages() {
  local package
  for package in "$@"; do
    if [ "$(dpkg-query -W -f='${db:Status-Status}' "$package" 2>/dev/null)" != installed ]; then
      echo "$package"
    fi
  done
}

by_hand() { die "$1 Install these Debian packages by hand, then run this again: ${*:2}"; }

install_packages() {
  local missing root=()
  if ! command -v dpkg-query >/dev/null; then
    say "packages: this is no Debian, so they are not looked at. Their names on Debian 12: $*"
    return
  fi
  mapfile -t missing < <(missing_packages "$@")
  if [ ${#missing[@]} -eq 0 ]; then
    say "packages: all $# are here"
    return
  fi
  if [ "$(id -u)" != 0 ]; then
    command -v sudo >/dev/null || by_hand "not root, and there is no sudo." "${missing[@]}"
    if [ ! -t 0 ]; then
      sudo -n true 2>/dev/null || by_hand "sudo asks for a password, and there is no terminal." "${missing[@]}"
    fi
    root=(sudo)
  fi
  say "packages: installing ${missing[*]}"
  "${root[@]}" env DEBIAN_FRONTEND=noninteractive apt-get -qq update </dev/null ||
    by_hand "'apt-get update' failed (its message is above)." "${missing[@]}"
  "${root[@]}" env DEBIAN_FRONTEND=noninteractive apt-get -qq -y --no-install-recommends \
    -o Dpkg::Use-Pty=0 install "${missing[@]}" </dev/null >"$apt_log" 2>&1 ||
    { tail -n 20 "$apt_log" >&2; by_hand "'apt-get install' failed (its last lines are above)." "${missing[@]}"; }
}

check_space() { # check_space WHAT FOLDER MB
  local free
  free=$(df --output=avail -BM "$2" | tail -n 1 | tr -dc 0-9)
  [ "$free" -ge "$3" ] || die "$1 needs $3 MB in $2 while it is installed; $free MB are free there."
}

# Every step is done in a folder of its own and then renamed: what has its final name is complete. A wheel that was
# downloaded before an interruption is not downloaded again.
install_libtorch() {
  install_wheels "LibTorch $torch_version" "$libtorch" torch/lib/libtorch_cpu.so $libtorch_needs_mb 530 "${wheels[@]}"
}

install_cuda() {
  install_wheels "CUDA compiler $cuda_version" "$cuda" nvidia/cu13/bin/nvcc $cuda_needs_mb 140 "${cuda_wheels[@]}"
}

install_wheels() { # install_wheels TITLE FOLDER FILE MB_NEEDED MB_DOWNLOADED WHEEL...
  local title=$1 folder=$2 file=$3 needs=$4 download=$5 wheel
  local downloads=$folder.wheels unpacked=$folder.partial
  shift 5
  if [ -f "$folder/$file" ]; then
    say "$title: in $folder"
    return
  fi
  python3 -m pip --version >/dev/null 2>&1 || die "python3 has no pip: install the package python3-pip."
  mkdir -p "$downloads" || die "cannot write in $cache; set XDG_CACHE_HOME to a folder that can be written."
  exec 9>"$cache/.setup-lock"
  flock 9
  if [ -f "$folder/$file" ]; then return; fi # another set-up was faster
  check_space "$title" "$cache" "$needs"
  say "$title: downloading $* (about $download MB)"
  for wheel in "$@"; do
    download_wheel "$wheel" "$downloads" "$folder" "$@"
  done
  say "$title: unpacking into $folder"
  rm -rf "$unpacked"
  mkdir -p "$unpacked.tmp"
  TMPDIR=$unpacked.tmp python3 -m pip --disable-pip-version-check install --quiet --no-index --no-deps --no-compile \
    --no-warn-conflicts --root-user-action=ignore --target "$unpacked" "$downloads"/*/*.whl </dev/null ||
    die "pip could not unpack the wheels of $downloads (its message is above)."
  rm -rf "$folder"
  mv "$unpacked" "$folder"
  rm -rf "$downloads" "$unpacked.tmp"
}

download_wheel() { # download_wheel WHEEL DOWNLOADS TARGET ALL_WHEELS...
  local wheel=$1 folder=$2/$1 target=$3
  shift 3
  if [ -d "$folder" ]; then return; fi
  rm -rf "$folder.partial"
  python3 -m pip --disable-pip-version-check download --quiet --no-deps --no-cache-dir --only-binary :all: \
    --dest "$folder.partial" "$wheel" </dev/null ||
    die "pip could not download $wheel (its message is above). By hand: install $* with" \
      "'python3 -m pip install --no-deps --target $target' where the package registry can be reached, and copy that folder here."
  mv "$folder.partial" "$folder"
}

case ${1:-} in
  "") ;;
  --tests) packages+=("${test_packages[@]}") ;;
  --cuda) with_cuda=yes ;;
  --help) usage; exit ;;
  *) usage >&2; die "unknown option '$1'" ;;
esac
[ $# -le 1 ] || die "one option at most"
apt_log=$(mktemp)
trap 'rm -f "$apt_log"' EXIT
install_packages "${packages[@]}"
install_libtorch
if [ -n "${with_cuda:-}" ]; then install_cuda; fi
