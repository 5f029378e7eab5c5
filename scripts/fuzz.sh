#!/usr/bin/env bash
# Runs one fuzz target for a given time of the processor, and adds what it found to the kept corpus.
# shellcheck source-path=SCRIPTDIR
. "$(dirname "${BASH_SOURCE[0]}")/common.sh"

usage() {
  cat <<END
usage: scripts/fuzz.sh NAME SECONDS

Runs build/fuzz/fuzzers/fuzz_NAME (cmake --preset fuzz && cmake --build --preset fuzz) until it has used SECONDS of processor
time, so that runs on a busy machine count for what they did. Work goes on where the last run of the target ended
(build/fuzz/long/NAME). At the end the inputs that reach code which no kept input reaches are added to tests/fuzz/corpus/NAME,
those of at most 4 KB, and one line for the table in tests/fuzz/README.md is printed. Exit code 1: an input that fails was found.
END
}

# Seconds of processor time that a process has used.
used_seconds() {
  awk -v hz="$(getconf CLK_TCK)" '{ sub(/.*\) /, ""); printf "%d\n", ($12 + $13) / hz }' "/proc/$1/stat" 2>/dev/null
}

# value NAME LOG: a figure of libFuzzer's final statistics.
value() { sed -n "s/^stat::$1: *//p" "$2"; }

run() {
  local name=$1 seconds=$2 program=$here/build/fuzz/fuzzers/fuzz_$1 folder=$here/build/fuzz/long/$1
  local dictionary=$here/tests/fuzz/dictionaries/$1.dict log options=() pid used=0 now code=0
  log=$folder/log
  mkdir -p "$folder/corpus" "$folder/failures"
  [ ! -e "$dictionary" ] || options+=("-dict=$dictionary")
  "$program" "${options[@]}" -rss_limit_mb=2048 -timeout=600 -print_final_stats=1 -artifact_prefix="$folder/failures/" \
    "$folder/corpus" "$here/tests/fuzz/corpus/$name" >"$log" 2>&1 </dev/null &
  pid=$!
  while now=$(used_seconds "$pid") && [ -n "$now" ]; do
    used=$now
    [ "$used" -lt "$seconds" ] || kill -INT "$pid" 2>/dev/null
    sleep 2
  done
  wait "$pid" || code=$?
  report "$name" "$used" "$log" "$folder"
  [ -z "$(ls -A "$folder/failures")" ] || code=1
  # 72 is libFuzzer's code for an interrupt.
  [ "$code" -eq 72 ] || [ "$code" -eq 0 ] || exit 1
}

# Adds small inputs that reach something new to the kept ones.
keep_inputs() {
  local name=$1 folder=$2 small=$2/small
  rm -rf "$small"
  mkdir -p "$small"
  find "$folder/corpus" -type f -size -4097c -exec cp -t "$small" {} +
  "$here/build/fuzz/fuzzers/fuzz_$name" -merge=1 -rss_limit_mb=2048 "$here/tests/fuzz/corpus/$name" "$small" >"$folder/merge.log" 2>&1
}

report() {
  local name=$1 used=$2 log=$3 folder=$4 edges runs
  keep_inputs "$name" "$folder"
  edges=$(grep -oE 'cov: [0-9]+' "$log" | tail -n 1 | cut -c6-)
  runs=$(value number_of_executed_units "$log")
  printf '| %s | %s | %s | %s | %s | %s |\n' "$name" "$used" "$runs" "$((runs / (used > 0 ? used : 1)))" "$edges" \
    "$(find "$folder/failures" -type f | wc -l)"
}

if [ $# -ne 2 ] || ! [[ $2 =~ ^[0-9]+$ ]]; then
  usage >&2
  exit 2
fi
run "$1" "$2"
