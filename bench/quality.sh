#!/usr/bin/env bash
# What the quantized cache does to a model's predictions, by bits, axis and rotation: one table per model and text, written to
# bench/results/<date>-quality.md.
set -euo pipefail
here="$(cd "$(dirname "${BASH_SOURCE[0]}")/.." && pwd)"
kvern="${KVERN:-$here/build/release/bin/kvern}"

usage() {
  cat <<'END'
usage: bench/quality.sh [MODEL_FOLDER TEXT_FILE CONTEXT]...

Compares `quantized` at 8, 4, 3 and 2 bits with `dynamic` (kvern compare) and writes bench/results/<date>-quality.md: the
built-in model on unseen stories of its own kind and on prose of another, then each model and text given. A folder of
KVERN_REFERENCE_DIRS that holds the model stories260K adds that one. KVERN names the program (build/release/bin/kvern).
END
}

# quantized OPTIONS: a cache argument; little is kept in full, so that nearly everything is read packed
quantized() { printf 'quantized{%s, residual_length = 16}' "$1"; }

caches() {
  local bits
  for bits in 8 4 3 2; do
    quantized "nbits = $bits" && echo
    quantized "nbits = $bits, axis_key = 1" && echo
    quantized "nbits = $bits, rotation = true" && echo
    quantized "nbits = $bits, axis_key = 1, rotation = true" && echo
  done
  quantized "nbits = 4, axis_key = 1, axis_value = 1" && echo
  quantized "key_nbits = 4, value_nbits = 2, axis_key = 1" && echo
  quantized "nbits = 3, axis_key = 1, search = 'full'" && echo
  quantized "nbits = 2, axis_key = 1, search = 'none'" && echo
  quantized "nbits = 2, axis_key = 1, search = 'full'" && echo
  quantized "nbits = 2, axis_key = 1, q_group_size = 32" && echo
}

# compared TEXT CONTEXT [OPTION...]: one table
compared() {
  local text="$1" context="$2" arguments=()
  shift 2
  while read -r cache; do arguments+=(--cache "$cache"); done < <(caches)
  "$kvern" compare --text-file "$text" --context "$context" --dtype float32 --cache-dtype bfloat16 --threads 1 \
    --output markdown "${arguments[@]}" "$@" | sed 's/, residual_length = 16}/}/'
}

# section TITLE TEXT CONTEXT [OPTION...]
section() {
  local title="$1"
  shift
  printf '\n## %s\n\n' "$title"
  compared "$@"
}

given_models() {
  local folder
  while [ $# -ge 3 ]; do
    section "$(basename "$1") on $(basename "$2")" "$2" "$3" --model "$1" | sed "s|$1 on $2|$(basename "$1") on $(basename "$2")|"
    shift 3
  done
  IFS=: read -r -a folders <<<"${KVERN_REFERENCE_DIRS:-}"
  for folder in "${folders[@]}"; do
    [ -f "$folder/stories260K/config.json" ] || continue
    section "stories260K (260 K parameters, heads of 8 numbers) on unseen stories" bench/text/stories.txt 512 \
      --model "$folder/stories260K" | sed "s|$folder/||"
  done
}

report() {
  cat <<END
# Quality of the quantized cache, $(date +%F)

\`bench/quality.sh\` at $(git rev-parse --short HEAD). Every cache reads the same windows 8 tokens at a time, weights in float32, what is kept in full in
bfloat16; \`residual_length = 16\` in every row, of which up to 160 tokens more stay in full until a block of them is packed.
"bits" counts all of that. \`axis_key = 1\`: keys in groups along tokens, one scale per channel; else per token.
END
  section "Built-in model on unseen stories of its own kind" bench/text/stories.txt 1024
  section "Built-in model on prose that it does not understand" bench/text/mill.txt 1024
  given_models "$@"
}

if [ "${1:-}" = --help ]; then
  usage
  exit
fi
if [ $(($# % 3)) -ne 0 ]; then
  usage >&2
  exit 2
fi
cd "$here"
out="bench/results/$(date +%F)-quality.md"
report "$@" >"$out.part"
mv "$out.part" "$out"
echo "$out"
