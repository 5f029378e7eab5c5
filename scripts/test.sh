#!/usr/bin/env bash
# Builds and runs all tests: release, under the sanitizers, fuzz targets, format. Ends with `N passed, N failed`.
# shellcheck source-path=SCRIPTDIR
. "$(dirname "${BASH_SOURCE[0]}")/common.sh"

parts=(format release asan tsan device fuzz)
other_parts=(python) # only with --only
fuzz_seconds=10      # for each target at most
fuzz_all_seconds=70 # for all of them

usage() {
  cat <<END
usage: scripts/test.sh [--only PART]...

Installs what is missing (scripts/setup.sh --tests), builds and tests. Without --only every part runs, in this order:
  format    clang-format, clang-tidy and a few rules of the project
  release   all tests, optimised
  asan      the tests that run no program, with the address and undefined behaviour sanitizers
  tsan      the tests labelled 'threaded' with the thread sanitizer
  device    faults planted in the kernels of a card, each of which the tests of release and tsan must find; where there
            is a CUDA compiler, the registers of each kernel
  fuzz      every fuzz target for at most $fuzz_seconds s, from its kept inputs
and, only where --only names it:
  python    the Python package under transformers 5 and 4.47, in environments of its own (build/python-env, 5 GB), and
            its wheel

KVERN_REFERENCE_DIRS, where set, names further folders of reference cases (docs/reference.md).
END
}

# Several files of a library in one compilation (cmake/KvernTargets.cmake): a build takes two thirds of the time.
together=(-DCMAKE_UNITY_BUILD=ON -DCMAKE_UNITY_BUILD_BATCH_SIZE=8)
# Without line numbers a sanitizer's build takes an eighth less time; a finding is repeated with the preset as it is.
no_lines=(-DCMAKE_CXX_FLAGS_DEBUG="-O1 -g0 -D_GLIBCXX_ASSERTIONS" -DCMAKE_C_FLAGS_DEBUG="-O1 -g0")
passed=0
failed=0
failures=()

count() { # count PASSED FAILED NAME
  passed=$((passed + $1))
  failed=$((failed + $2))
  if [ "$2" -gt 0 ]; then failures+=("$3"); fi
}

# ctest's own numbers; a run without that line, and one that found no test, is a failure.
run_ctest() {
  local preset=$1 log=$here/build/$1-ctest.log line
  shift
  (cd "$here" && "$@" ctest --preset "$preset" --no-tests=error --parallel "$(nproc)") 2>&1 </dev/null | tee "$log" || true
  line=$(grep -E '^[0-9]+% tests passed, [0-9]+ tests failed out of [0-9]+' "$log" || true)
  if [[ $line =~ ,\ ([0-9]+)\ tests\ failed\ out\ of\ ([0-9]+) ]]; then
    count $((BASH_REMATCH[2] - BASH_REMATCH[1])) "${BASH_REMATCH[1]}" "tests of $preset"
  else
    count 0 1 "ctest of $preset"
  fi
}

# built PRESET [CMAKE ARGUMENTS]: configures and builds; a failure is counted.
built() {
  if configure "$@" && build "$1"; then return 0; fi
  count 0 1 "build of $1"
  return 1
}

# A folder that holds a build already is built on as it is.
part_release() {
  local how=("${together[@]}")
  if [ -f "$here/build/release/CMakeCache.txt" ]; then how=(); fi
  if built release "${how[@]}"; then run_ctest release; fi
}

# Of libraries, caches and fuzz targets. What programs add, mostly words, the preset as it is builds and tests, too.
part_asan() {
  # intercept_tls_get_addr: the leak checker guesses where a plugin's thread-local memory lies, and a wrong guess ends it
  export ASAN_OPTIONS=detect_leaks=1:strict_string_checks=1:detect_stack_use_after_return=1:intercept_tls_get_addr=0
  export UBSAN_OPTIONS=print_stacktrace=1
  if built asan "${together[@]}" "${no_lines[@]}" -DKVERN_BUILD_PROGRAMS=OFF; then run_ctest asan; fi
}

# The thread sanitizer of gcc 12 cannot start where addresses are randomised by more than 28 bits.
part_tsan() {
  local fixed=()
  if [ "$(cat /proc/sys/vm/mmap_rnd_bits 2>/dev/null || echo 28)" -gt 28 ] && setarch -R true 2>/dev/null; then
    fixed=(setarch -R)
  fi
  export TSAN_OPTIONS=halt_on_error=1:second_deadlock_stack=1
  if built tsan "${together[@]}" "${no_lines[@]}"; then run_ctest tsan "${fixed[@]}"; fi
}

part_device() {
  local log=$here/build/planted-faults.log nvcc how=("${together[@]}")
  if [ -f "$here/build/release/CMakeCache.txt" ]; then how=(); fi
  if ! configure release "${how[@]}" || ! build release device_kernels_test || ! configure tsan "${together[@]}" "${no_lines[@]}" || ! build tsan device_kernels_test; then
    count 0 1 "build of the kernels of a card"
    return
  fi
  python3 "$here/devices/emulation/planted_faults.py" "$here/build/release" "$here/build/tsan" 2>&1 </dev/null | tee "$log" || true
  if [[ $(tail -n 1 "$log") =~ ^([0-9]+)\ of\ ([0-9]+)\ faults\ found$ ]]; then
    count "${BASH_REMATCH[1]}" $((BASH_REMATCH[2] - BASH_REMATCH[1])) "planted faults"
  else
    count 0 1 "planted faults"
  fi
  nvcc=$(sed -n 's/^CMAKE_CUDA_COMPILER:[A-Z]*=//p' "$here/build/release/CMakeCache.txt")
  if [ ! -x "$nvcc" ]; then
    say "skip  registers of the kernels of a card: no CUDA compiler"
  elif python3 "$here/devices/cuda/registers.py" "$nvcc"; then
    count 1 0 registers
  else
    count 0 1 "registers of the kernels of a card"
  fi
}

# fuzz_one NAME: inputs that are found go to the build folder, never to the kept ones.
fuzz_one() {
  local name=$1 program=$here/build/fuzz/fuzzers/fuzz_$1 folder=$here/build/fuzz/runs/$1
  rm -rf "$folder"
  mkdir -p "$folder/corpus"
  if "$program" -max_total_time=$fuzz_seconds -rss_limit_mb=2048 -timeout=25 -print_final_stats=1 \
    -artifact_prefix="$folder/" "$folder/corpus" "$here/tests/fuzz/corpus/$name" >"$folder/log" 2>&1 </dev/null; then
    printf 'ok    fuzz_%s: %s\n' "$name" "$(grep -E '^Done ' "$folder/log" || echo finished)"
  else
    printf 'FAIL  fuzz_%s: see %s; the input lies beside it\n' "$name" "$folder/log"
    tail -n 40 "$folder/log"
    return 1
  fi
}

part_fuzz() {
  local list=$here/build/fuzz/fuzzers/list.txt summary=$here/build/fuzz/summary.log targets good
  if ! built fuzz; then return; fi
  targets=$(wc -l <"$list")
  if [ "$targets" -eq 0 ]; then
    count 0 1 "no fuzz targets"
    return
  fi
  if [ $((fuzz_all_seconds * $(nproc) / targets)) -lt "$fuzz_seconds" ]; then
    fuzz_seconds=$((fuzz_all_seconds * $(nproc) / targets))
  fi
  export UBSAN_OPTIONS=print_stacktrace=1
  export -f fuzz_one
  export here fuzz_seconds
  xargs -P "$(nproc)" -I{} bash -c 'fuzz_one {}' <"$list" | tee "$summary" || true
  good=$(grep -c '^ok ' "$summary" || true)
  count "$good" $((targets - good)) "fuzz targets"
}

sources() {
  local folder
  for folder in kernels devices core check plugins sdk runtime python tests bench; do
    if [ -d "$here/$folder" ]; then find "$here/$folder" -name '*.[ch]pp' -o -name '*.[ch]' -o -name '*.cu' -o -name '*.cuh'; fi
  done
}

# rule TEXT PATTERN [FILES THAT MAY]: no source but those has a line of that pattern.
rule() {
  local found
  found=$(sources | grep -vE "${3:-^$}" | xargs grep -nE "$2" || true)
  if [ -z "$found" ]; then
    say "ok    $1"
    count 1 0 "$1"
  else
    say "FAIL  $1:"
    say "$found"
    count 0 1 "$1"
  fi
}

# Sources that are compiled without LibTorch, which would take clang-tidy minutes, and without SIMD intrinsics.
tidy_sources() {
  (cd "$here" && find kernels devices core/support core/host core/attention check plugins sdk/examples python/bridge -name '*.cpp' \
    -not -name '*_test.cpp' -not -path '*/testing/*' -not -path '*/simd/*' -not -path '*/bench/*' \
    -not -name cuda_driver.cpp)
}

part_tidy() {
  local log=$here/build/tidy.log
  if ! command -v clang-tidy >/dev/null; then
    say "skip  clang-tidy: not installed"
    return
  fi
  mkdir -p "$here/build"
  if (cd "$here" && tidy_sources | xargs -P "$(nproc)" -I{} clang-tidy --quiet {} -- -std=c++20 -Icore/include -Isdk/include \
    -I. '-DKVERN_LIBTORCH_VERSION="0"' '-DKVERN_VERSION="0"') >"$log" 2>&1; then
    say "ok    clang-tidy ($(tidy_sources | wc -l) sources)"
    count 1 0 clang-tidy
  else
    grep -E 'error:' "$log" | sort -u || true
    say "FAIL  clang-tidy: see $log"
    count 0 1 clang-tidy
  fi
}

# The contract's headers are tables laid out by hand.
part_format() {
  if ! command -v clang-format >/dev/null; then
    say "skip  format of the sources: no clang-format"
  elif sources | grep -v '/kvern/abi/' | xargs clang-format --dry-run -Werror; then
    say "ok    format of the sources"
    count 1 0 format
  else
    say "FAIL  format of the sources: run clang-format -i on the files above"
    count 0 1 format
  fi
  part_tidy
  rule "tests include Catch2 through tests/support/test.hpp" '#include <catch2/' 'tests/support/(test\.hpp|main\.cpp)$'
  rule "LibTorch comes through core/torch/torch.hpp" '#include [<"](torch/|ATen/|c10/)' 'core/(torch|include/kvern)/[a-z_]+\.hpp$'
  rule "shared libraries are never unloaded" '\bdlclose *\('
}

# python_environment TRANSFORMERS: build/python-env/TRANSFORMERS, with the torch of build/python-env/torch, the package under test
# excepted. A step that fails ends it: callers ask, so `set -e` does not hold here.
python_environment() {
  local folder=$here/build/python-env/$1 torch=$here/build/python-env/torch purelib='import sysconfig; print(sysconfig.get_path("purelib"))'
  if [ -f "$folder/complete" ]; then return; fi
  rm -rf "$folder"
  if [ ! -f "$torch/complete" ]; then
    python3 -m venv --clear "$torch" || return
    "$torch/bin/pip" --quiet install torch==2.11.0 numpy pytest pandas matplotlib || return
    touch "$torch/complete"
  fi
  python3 -m venv "$folder" || return
  "$torch/bin/python" -c "$purelib" >"$("$folder/bin/python" -c "$purelib")/torch.pth" || return
  "$folder/bin/pip" --quiet install "transformers==$1" || return
  touch "$folder/complete"
}

# python_tests TRANSFORMERS [VARIABLE=VALUE]...
python_tests() {
  local version=$1 log=$here/build/python-$1.log code=0 counts
  shift
  if ! python_environment "$version"; then
    count 0 1 "environment of transformers $version"
    return
  fi
  (cd "$here/python/tests" && env KVERN_PYTHON_ROOT="$here/build/release" PYTHONDONTWRITEBYTECODE=1 "$@" \
    "$here/build/python-env/$version/bin/python" -m pytest -q -W ignore -p no:cacheprovider) 2>&1 </dev/null | tee "$log" || code=$?
  read -r -a counts <<<"$(pytest_counts "$log" "$code")"
  count "${counts[@]}" "the Python package under transformers $version"
}

# built_wheel: builds the wheel and prints its path.
built_wheel() {
  local folder=$here/build/wheel-dist
  rm -rf "$folder"
  KVERN_JOBS=$(jobs_that_fit) "$here/python/build_wheel.sh" "$folder" >&2 || return
  ls "$folder"/kvern-*.whl
}

part_python() {
  local wheel
  if ! configure release || ! build release kvern_python kvern_plugins; then
    count 0 1 "build of the Python package's library"
    return
  fi
  if ! wheel=$(built_wheel); then
    count 0 1 "build of the Python package's wheel"
    wheel=
  fi
  python_tests 5.24.0 KVERN_WHEEL="$wheel"
  python_tests 4.47.1 KVERN_WHEEL="$wheel"
}

only=()
while [ $# -gt 0 ]; do
  case $1 in
    --only)
      [[ " ${parts[*]} ${other_parts[*]} " == *" ${2:-} "* && -n ${2:-} ]] || die "--only takes one of: ${parts[*]} ${other_parts[*]}"
      only+=("$2")
      shift 2
      ;;
    --help) usage; exit ;;
    *) usage >&2; die "unknown option '$1'" ;;
  esac
done
if [ ${#only[@]} -gt 0 ]; then parts=("${only[@]}"); fi

"$here/scripts/setup.sh" --tests
for part in "${parts[@]}"; do
  title "$part"
  SECONDS=0
  "part_$part"
  say "-- $part took $SECONDS s"
done

title "all parts: ${parts[*]}"
for failure in "${failures[@]+"${failures[@]}"}"; do say "failed: $failure"; done
say "$passed passed, $failed failed"
[ "$failed" -eq 0 ]
