# shellcheck shell=bash
# What setup.sh, demo.sh and test.sh share: where things are, how they speak and how they stop. Sourced, never run.
set -euo pipefail

here=$(cd "$(dirname "${BASH_SOURCE[0]}")/.." && pwd)
if [ -z "${HOME:-}" ]; then
  HOME=$(getent passwd "$(id -u)" | cut -d: -f6)
  export HOME
fi

say() { printf '%s\n' "$*"; }
title() { printf '\n== %s\n' "$*"; }

die() {
  printf '%s: %s\n' "${0##*/}" "$*" >&2
  exit 1
}

# Processors that may be used, but no more than one for every 1.5 GB: a compiler that includes LibTorch takes about 1 GB.
jobs_that_fit() {
  local cpus gigabytes
  cpus=$(nproc)
  gigabytes=$(awk '/MemAvailable/ { print int($2 / 1572864) }' /proc/meminfo 2>/dev/null || echo "$cpus")
  if [ "$gigabytes" -lt "$cpus" ]; then cpus=$gigabytes; fi
  if [ "$cpus" -lt 1 ]; then cpus=1; fi
  echo "$cpus"
}

# configure PRESET [CMAKE ARGUMENTS]: quiet unless it fails.
configure() {
  local preset=$1 log
  shift
  mkdir -p "$here/build"
  log=$here/build/$preset-configure.log
  (cd "$here" && cmake --preset "$preset" "$@") >"$log" 2>&1 || { cat "$log" >&2; return 1; }
}

# build PRESET [TARGETS]
build() {
  local preset=$1
  shift
  (cd "$here" && cmake --build --preset "$preset" --parallel "$(jobs_that_fit)" ${1:+--target "$@"})
}
