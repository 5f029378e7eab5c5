#!/bin/sh
# One command for the tables: kvern beside llama.cpp and transformers. Options: bench/compare.sh --help; README.md beside it.
exec python3 "$(dirname "$0")/sidebyside" "$@"
