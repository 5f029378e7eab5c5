#!/usr/bin/env bash
# Builds the wheel of the Python package into a folder (dist/): bridge, plugins, headers for authors of plugins.
set -euo pipefail
here=$(cd "$(dirname "${BASH_SOURCE[0]}")" && pwd)
exec python3 "$here/backend/kvern_build.py" "${1:-dist}"
