#!/bin/sh
# One command for the tables: kvern beside llama.cpp, ik_llama.cpp, OpenVINO and transformers. Options: bench/compare.sh --help; README.md beside it.
exec python3 "$(dirname "$0")/sidebyside" "$@"
