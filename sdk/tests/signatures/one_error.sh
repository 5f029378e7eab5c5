#!/usr/bin/env bash
# one_error.sh MESSAGE COMPILE...: the command fails with one error, which has this message.
set -u
message=$1
shift
said=$("$@" 2>&1) && { echo "it compiles"; exit 1; }
[ "$(grep -c ' error: ' <<<"$said")" = 1 ] || { echo "more than one error:"; grep ' error: ' <<<"$said"; exit 1; }
grep -qF "$message" <<<"$(grep ' error: ' <<<"$said")" || { echo "another error:"; echo "$said"; exit 1; }
