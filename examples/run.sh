#!/usr/bin/env bash
# Runs a source file in a sandbox and prints the answer: run.sh FILE [ARGUMENTS]
# The language is told by the file's extension; the arguments are a JSON object.
set -euo pipefail

file=${1:?"usage: $0 FILE [ARGUMENTS]"}
arguments=${2:-'{}'}
url=${EXECUTOR_MANAGER_URL:-http://127.0.0.1:9385}

case $file in
  *.py) language=python ;;
  *.js) language=nodejs ;;
  *.sh) language=bash ;;
  *) echo "$file: neither .py, .js nor .sh" >&2 && exit 2 ;;
esac

# The body goes through a pipe: a large file would not fit on a command line.
printf '{"language":"%s","arguments":%s,"code_b64":"%s"}' \
  "$language" "$arguments" "$(base64 -w0 "$file")" |
  curl --silent --show-error --fail-with-body "$url/run" \
    --header 'Content-Type: application/json' \
    ${EXECUTOR_MANAGER_API_KEY:+--header "Authorization: Bearer $EXECUTOR_MANAGER_API_KEY"} \
    --data-binary @-
echo
