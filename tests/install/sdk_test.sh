#!/usr/bin/env bash
# As an author with nothing but an installed kvern: makes a cache of each kind, builds it with CMake and g++, and with the one line and
# clang++, checks it, and generates with it; a program against the conformance kit, too.
# usage: sdk_test.sh BUILD_FOLDER
set -euo pipefail
build=$1
work=$(mktemp -d)
trap 'rm -rf "$work"' EXIT

# shellcheck source-path=SCRIPTDIR
source "$(dirname "$0")/expect.sh"

cmake --install "$build" --prefix "$work/first" >"$work/install.log"
mv "$work/first" "$work/kvern"
export PATH=$work/kvern/bin:$PATH PKG_CONFIG_PATH=$work/kvern/lib/pkgconfig
unset KVERN_BUILD_DIR KVERN_SOURCE_DIR
mkdir "$work/author"
cd "$work/author"

check_and_generate() { # check_and_generate LIBRARY RULES...
  local library=$1
  shift
  expect "0 broken" kvern check "$library" "$@"
  expect "Once" kvern generate --prompt "Once upon a time" --max-new-tokens 4 --cache "$library"
}

# the commands of the tutorial, as it prints them
page=$work/kvern/share/doc/kvern/write-a-cache.md
awk '/^## From nothing/ {on = 1} on && /^```sh$/ {inside = 1; next} /^```$/ && inside {exit} inside' "$page" >tutorial.sh
test "$(wc -l <tutorial.sh)" -ge 5
CMAKE_PREFIX_PATH=$work/kvern bash -e tutorial.sh >said 2>&1 || { cat said; exit 1; }
for line in "my_cache/my_cache.cpp" "attention, attention (window 6), attention; float32; keeps every token" "0 broken" "Once upon a time"; do
  grep -qF "$line" said && grep -qF "$line" "$page" || { echo "the tutorial does not show: $line"; cat said; exit 1; }
done

for kind in slot verb decorator c; do
  name=my_$kind
  expect "cmake -B build" kvern new-cache "$name" --by $kind
  cmake -S "$name" -B "$name/build" -G Ninja -DCMAKE_PREFIX_PATH="$work/kvern" >"$work/author.log"
  cmake --build "$name/build" >>"$work/author.log" || { cat "$work/author.log"; exit 1; }
  expect "100% tests passed" ctest --test-dir "$name/build"
  check_and_generate "./$name/build/libkvern_$name.so" --rule 3.11
  # without CMake, by another compiler
  if [ $kind = c ]; then compile=(clang -std=c11 -pedantic "$name/$name.c"); else compile=(clang++ -std=c++20 "$name/$name.cpp"); fi
  # shellcheck disable=SC2046
  "${compile[@]}" -O2 -Wall -Wextra -shared -o "$name/libkvern_$name.so" $(pkg-config --cflags --libs kvern)
  check_and_generate "./$name/libkvern_$name.so" --rule 1.5 --rule 1.6 --rule 3.11
done

# the examples, as they are installed
for example in last_tokens two_bits float8 heavy_hitters counted; do
  # shellcheck disable=SC2046
  g++ -std=c++20 -O2 -Wall -Wextra -shared -o "libkvern_$example.so" "$work/kvern/share/kvern/examples/$example.cpp" \
    $(pkg-config --cflags --libs kvern)
  tolerance=0.00002
  case $example in two_bits) tolerance=0.6 ;; float8) tolerance=0.1 ;; esac
  check_and_generate "./libkvern_$example.so" --rule 3.11 --rule 5.1 --tolerance $tolerance
done
expect "Once" kvern generate --prompt "Once upon a time" --max-new-tokens 8 --cache ./libkvern_heavy_hitters.so \
  --set cache_config.budget=6 --check-cache

if kvern new-cache my_slot 2>"$work/said"; then echo "new-cache overwrote a folder"; exit 1; fi
grep -q "is there already" "$work/said"
if kvern new-cache My-Cache 2>"$work/said"; then echo "new-cache took a name that is none"; exit 1; fi
grep -q "lower-case letters" "$work/said"

# a sequence as `kvern check` prints it, compiled against the kit
cat >sequence.cpp <<END
#include "check/config.hpp"
#include "check/probe.hpp"
#include "check/program.hpp"

int main() {
  using namespace kvern::conformance;
  SubjectOptions options;
  const Subject subject = open_subject("$work/author/my_slot/build/libkvern_my_slot.so", options);
  Program p(subject, true);
  p.seed(1); p.rows({Row{}, Row{.pad = 1}});
  p.step({.new_tokens = {4, 4}});
  p.seed(2); p.gather({1, 0, 1});
  p.finish();
}
END
# shellcheck disable=SC2046
g++ -std=c++20 sequence.cpp -o sequence $(pkg-config --cflags kvern) -L"$work/kvern/lib/kvern" -lkvern_check -ldl
./sequence

echo '#include <kvern/sdk.hpp>' >whole.cpp
# shellcheck disable=SC2046
g++ -std=c++20 -Wall -Wextra -Werror -fsyntax-only whole.cpp $(pkg-config --cflags kvern)
for page in abi.md write-a-cache.md caches.md sdk-reference.md; do test -s "$work/kvern/share/doc/kvern/$page"; done
test -s "$work/kvern/share/kvern/examples/rounded.cpp"
echo "four kinds of caches made, built, checked and used"
