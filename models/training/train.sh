#!/usr/bin/env bash
# Makes models/demo and tests/reference/demo from nothing: an environment of its own, the tokenizer, the training, the
# measurement. Takes about half an hour on two cores. Options are those of train.py, for example --steps 1600.
set -euo pipefail
here="$(cd "$(dirname "${BASH_SOURCE[0]}")" && pwd)"
root="$(cd "$here/../.." && pwd)"
venv="${KVERN_TRAINING_VENV:-$root/.venv-training}"

if ! command -v python3 >/dev/null; then
  echo "train.sh: python3 is missing; on Debian: apt-get install python3 python3-venv" >&2
  exit 1
fi
if [ ! -x "$venv/bin/python" ]; then
  python3 -m venv "$venv" || { echo "train.sh: python3 -m venv failed; on Debian: apt-get install python3-venv" >&2; exit 1; }
fi
if ! "$venv/bin/python" -c "import torch, transformers, tokenizers, safetensors" 2>/dev/null; then
  "$venv/bin/pip" install --quiet torch==2.11.0 transformers==4.47.1 tokenizers==0.21.4 safetensors numpy
fi

export OMP_WAIT_POLICY=passive
"$venv/bin/python" "$here/train_tokenizer.py"
"$venv/bin/python" "$here/train.py" "$@"
"$venv/bin/python" "$here/write_reference.py"
