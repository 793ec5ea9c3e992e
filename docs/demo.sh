#!/bin/sh
# Ask three questions about a repository, each twice: the second answer comes from the daemon's memory.
# Run by `make demo`, with BIN (where semctx is installed) and REPOSITORY in the environment.
set -eu

folder=$(mktemp -d) # a daemon of its own; the path of a socket has to be short
export SEMCTX_SOCKET="$folder/run/semctxd-v1.sock" SEMCTX_LOG="$folder/semctxd.log" SEMCTX_CONFIG="$folder/config.toml"
trap '"$BIN/semctx" stop >/dev/null 2>&1 || true; rm -rf "$folder"' EXIT
trap 'exit 1' HUP INT PIPE TERM

ask() {
  printf '\n$ semctx context'
  for argument; do
    case $argument in
      --*) printf ' %s' "$argument" ;;
      *) printf ' "%s"' "$argument" ;;
    esac
  done
  printf '\n\n'
  first=$("$BIN/semctx" context "$@" --root "$REPOSITORY")
  again=$("$BIN/semctx" context "$@" --root "$REPOSITORY")
  printf '%s\n' "$first" | sed '$d'
  printf 'the first time: %s; asked again: %s\n' "$(printf '%s\n' "$first" | tail -n 1)" "$(printf '%s\n' "$again" | tail -n 1)"
}

"$BIN/semctx" start
ask 'Validate email address format'
ask 'The objects that were created on a given day, newest first' \
  --signature 'def created_on(self, field: str, day: date) -> QuerySet' --file django/db/models/query.py
ask 'Send a signed password reset link to a user by email'
