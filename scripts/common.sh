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

# pytest_counts LOG CODE: "PASSED FAILED" of a run of pytest that ended with CODE. Errors (a file that cannot be imported, a fixture
# that breaks) are failures; so is a run that says of no test that it passed, or that ended badly for another reason.
pytest_counts() {
  local line good=0 bad=0 pattern
  line=$(grep -E '(passed|failed|errors?|skipped|no tests ran).* in [0-9.]+s' "$1" | tail -n 1 || true)
  if [[ $line =~ ([0-9]+)\ passed ]]; then good=${BASH_REMATCH[1]}; fi
  for pattern in '([0-9]+) failed' '([0-9]+) errors?'; do
    if [[ $line =~ $pattern ]]; then bad=$((bad + BASH_REMATCH[1])); fi
  done
  if [ "$bad" -eq 0 ] && { [ "$2" -ne 0 ] || [ "$good" -eq 0 ]; }; then bad=1; fi
  echo "$good $bad"
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
