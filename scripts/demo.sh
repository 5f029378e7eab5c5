#!/usr/bin/env bash
# Installs what is missing, builds, and lets the built-in model tell a story.
# shellcheck source-path=SCRIPTDIR
. "$(dirname "${BASH_SOURCE[0]}")/common.sh"

usage() {
  cat <<'END'
usage: scripts/demo.sh [options of `kvern generate`]

Installs what is missing (scripts/setup.sh), builds kvern in build/release, and generates a story with the built-in
model; on standard error come its speed and the bytes of its cache. For example:

  scripts/demo.sh --cache static
  scripts/demo.sh --prompt "One morning Anna" --seed 3
END
}

if [ "${1:-}" = --help ]; then
  usage
  exit
fi

"$here/scripts/setup.sh" >&2
say "building in build/release (some minutes the first time)" >&2
configure release
build release kvern kvern_plugins >"$here/build/release-build.log" 2>&1 ||
  { cat "$here/build/release-build.log" >&2; die "the build failed: its messages are above"; }

# default OPTION VALUE FLAGS: adds that option where none of those flags is given.
arguments=("$@")
default() {
  local option=$1 value=$2 given flag
  shift 2
  for given in "${arguments[@]}"; do
    for flag in "$@"; do
      if [ "${given%%=*}" = "$flag" ]; then return; fi
    done
  done
  arguments+=("$option" "$value")
}
default --prompt "Once upon a time" --prompt --prompt-file --input-ids
default --max-new-tokens 200 --max-new-tokens
default --seed 1 --seed

exec "$here/build/release/bin/kvern" generate --stats "${arguments[@]}"
