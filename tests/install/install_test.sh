#!/usr/bin/env bash
# Installs a build, moves the tree, runs it from elsewhere, and builds and runs a cache against it as its author would.
# usage: install_test.sh SOURCE_FOLDER BUILD_FOLDER
set -euo pipefail
source=$1 build=$2
work=$(mktemp -d)
trap 'rm -rf "$work"' EXIT

# shellcheck source-path=SCRIPTDIR
source "$(dirname "$0")/expect.sh"

cmake --install "$build" --prefix "$work/first" >"$work/install.log"
mv "$work/first" "$work/moved"
kvern=$work/moved/bin/kvern
cd /

expect "usage: kvern" "$kvern" --help
expect "$work/moved/lib/kvern/plugins/libkvern_dynamic.so" "$kvern" caches dynamic
expect "Once" "$kvern" generate --prompt "Once upon a time" --max-new-tokens 4 --cache static
if [ -x "$build/bin/kvern-reference" ]; then expect "usage" "$work/moved/bin/kvern-reference" --help; fi
python3 "$source/tests/structure/runpath.py" "$work/moved"
if readelf -d "$kvern" "$work"/moved/lib/kvern/plugins/*.so | grep -E 'R(UN)?PATH' | grep -F "$build"; then
  echo "the installed tree looks into the build folder"
  exit 1
fi

mkdir "$work/author"
cp "$source/sdk/examples/rounded.cpp" "$work/author"
cat >"$work/author/CMakeLists.txt" <<'END'
cmake_minimum_required(VERSION 3.25)
project(rounded CXX)
find_package(kvern REQUIRED)
kvern_add_plugin(rounded SOURCES rounded.cpp)
kvern_add_plugin(dotted SOURCES dotted.cpp LINK kvern::kernels)
END
cp "$source/tests/install/dotted.cpp" "$work/author"
cmake -S "$work/author" -B "$work/author/build" -G Ninja -DCMAKE_PREFIX_PATH="$work/moved" >"$work/author.log"
cmake --build "$work/author/build" >>"$work/author.log" || { cat "$work/author.log"; exit 1; }
expect "Once" "$kvern" generate --prompt "Once upon a time" --max-new-tokens 4 \
  --cache-dtype float32 --cache "$work/author/build/libkvern_rounded.so"
expect "Once" "$kvern" generate --prompt "Once upon a time" --max-new-tokens 4 --cache "$work/author/build/libkvern_dotted.so"
echo "installed, moved, run; a cache built against it runs"
