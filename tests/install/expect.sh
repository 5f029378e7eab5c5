# shellcheck shell=bash
# expect TEXT COMMAND...: the command succeeds and says TEXT
expect() {
  local text=$1 said
  shift
  said=$("$@" 2>&1 </dev/null) || { printf 'failed: %s\n%s\n' "$*" "$said"; exit 1; }
  [[ $said == *"$text"* ]] || { printf "%s does not say '%s' but:\n%s\n" "$*" "$text" "$said"; exit 1; }
}
