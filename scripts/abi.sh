#!/usr/bin/env bash
# The binary contract beside what was recorded of it in tests/abi/data/VERSION:
#   scripts/abi.sh check [VERSION]     layout of the structs, types by abidiff, and plugin binaries against the headers as they are
#   scripts/abi.sh record [VERSION]    records all of it anew: for a draft, or a version that is frozen now
# VERSION is 1.0 unless another is named. It needs gcc, g++, clang, clang++ and Debian's abigail-tools.
set -euo pipefail
cd "$(dirname "$0")/.."
mode=${1:-check} version=${2:-1.0}
data=tests/abi/data/$version include=core/include
work=$(mktemp -d)
trap 'rm -rf "$work"' EXIT

# A library with the types of all headers, and their debug information.
build_types() {
  {
    for header in "$include"/kvern/abi/*.h; do echo "#include <kvern/abi/$(basename "$header")>"; done
    sed -nE 's/^\} (kvern_[a-z0-9_]+);$/\1/p' "$include"/kvern/abi/*.h |
      awk '{ printf "void use_%s(%s *it);\nvoid use_%s(%s *it) { (void)it; }\n", $1, $1, $1, $1 }'
  } >"$work/types.c"
  gcc -std=c11 -g -O0 -fPIC -shared -I"$include" "$work/types.c" -o "$1"
}

# build_plugin NAME COMPILER TEMPLATE: a cache of the scaffold, small and without symbols.
build_plugin() {
  local name=$1 compiler=$2 template=$3 class source standard small=-Os
  class=$(sed -E 's/(^|_)(.)/\U\2/g' <<<"$name")
  source=$(ls "sdk/templates/$template/"@NAME@.*.in)
  source_file=$work/$name.$(sed -E 's/.*@NAME@\.(.*)\.in$/\1/' <<<"$source")
  sed "s/@NAME@/$name/g; s/@CLASS@/$class/g" "$source" >"$source_file"
  standard=-std=c++20
  [ "$template" != c ] || standard=-std=c11
  [[ $compiler != clang* ]] || small=-Oz
  "$compiler" $standard $small -ffunction-sections -fdata-sections -Wl,--gc-sections -fPIC -fvisibility=hidden -shared -s "$source_file" -Isdk/include -I"$include" \
    -Wl,-z,nodelete -Wl,-z,now -Wl,-z,defs -Wl,--version-script=cmake/plugin_exports.map -o "$work/$name.so"
  mv "$work/$name.so" "$data/libkvern_$name.so"
  test "$(stat -c %s "$data/libkvern_$name.so")" -lt 100000 || { echo "$name: 100 KB or more"; exit 1; }
}

case $mode in
record)
  mkdir -p "$data"
  python3 tests/abi/layout.py "$include" >"$data/layout.txt"
  build_types "$work/types.so"
  abidw --no-corpus-path --no-comp-dir-path --no-show-locs "$work/types.so" >"$data/types.xml"
  suffix=${version//./_}
  build_plugin "gcc_c_$suffix" gcc c
  build_plugin "clang_c_$suffix" clang c
  build_plugin "gcc_cxx_$suffix" g++ slot
  build_plugin "clang_cxx_$suffix" clang++ verb
  ls -l "$data"
  ;;
check)
  python3 tests/abi/layout_test.py "$data/layout.txt" "$include"
  build_types "$work/types.so"
  # what was added at the end of a struct is no harm
  code=0
  abidiff --no-added-syms --no-unreferenced-symbols "$data/types.xml" "$work/types.so" || code=$?
  case $code in # bits: 1 an error, 2 wrong usage, 4 a change, 8 an incompatible one
  0) ;;
  4) echo "abidiff: a change that the layout above accepts (fields at the end); read it" ;;
  8 | 12) echo "abidiff: an incompatible change"; exit 1 ;;
  *) echo "abidiff failed with exit code $code: the types were not compared"; exit 1 ;;
  esac
  echo "the contract is that of $version; its plugin binaries are run by the test abi_test"
  ;;
*)
  sed -n '2,5p' "$0"
  exit 2
  ;;
esac
