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

# unless_given FLAGS -- ARGUMENTS: adds the arguments where none of the flags is among those given.
arguments=("$@")
unless_given() {
  local flags=" " given
  while [ "$1" != -- ]; do
    flags+="$1 "
    shift
  done
  shift
  for given in "${arguments[@]}"; do
    if [[ $flags == *" ${given%%=*} "* ]]; then return; fi
  done
  arguments+=("$@")
}
unless_given --set --config -- --set generation.do_sample=true --set generation.temperature=0.7
unless_given --seed -- --seed 7
unless_given --max-new-tokens -- --max-new-tokens 200
unless_given --prompt --prompt-file --input-ids -- --prompt "Once upon a time"

exec "$here/build/release/bin/kvern" generate --stats "${arguments[@]}"
