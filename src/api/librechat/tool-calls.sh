# Runs a program that may call tools of its caller, as librechat_tools.py does. stdin has the request:
#
#   {"code": "...", "mark": "...", "functions": "...",
#    "answers": [{"tool": index, "input": "JSON text", "result": any} or {..., "error": "..."}]}
#
# functions: the tools as functions of bash, each of which calls _call_tool with its index and its argument.

export _tools
_tools=$(mktemp -d)
cat >"$_tools/request"
exec </dev/null
jq -r .code "$_tools/request" >"$_tools/main.sh"
jq -r .functions "$_tools/request" >"$_tools/functions.sh"
# Two lines each. Of a pipe they would be read byte by byte.
jq -r '.answers[] | "\(.tool)\t\(.input)",
  (if has("error") then "!" + (.error | gsub("\n"; " ")) else "=" + (.result | tojson) end)' \
  "$_tools/request" >"$_tools/answers"
number=0
while IFS= read -r call && IFS= read -r answer; do
  printf -v name '%s/%03d' "$_tools" "$number"
  printf '%s' "$call" >"$name.call"
  printf '%s' "$answer" >"$name.answer"
  number=$((number + 1))
done <"$_tools/answers"
printf 0 >"$_tools/number"
mkfifo "$_tools/news" "$_tools/never"

_call_tool() { # TOOL [INPUT]; prints what the tool has answered, or does not return
  local input=${2:-'{}'} number name answer='' call
  input=$(jq -cS 'if type == "object" then . else error end' <<<"$input" 2>/dev/null) &&
    [ "${input//$'\n'/}" = "$input" ] && [ -n "$input" ] || {
    printf '%s: the argument must be one JSON object\n' "${FUNCNAME[1]}" >&2
    return 2
  }
  until mkdir "$_tools/lock" 2>/dev/null; do sleep 0.02; done
  number=$(<"$_tools/number")
  printf '%d' $((number + 1)) >"$_tools/number"
  for call in "$_tools"/*.call; do
    [ -e "$call" ] && [ "$(<"$call")" = "$1"$'\t'"$input" ] && break
    call=
  done
  if [ -z "$call" ]; then
    # The input is another one each time, such as the time of day.
    printf -v call '%s/%03d.call' "$_tools" "$number"
    [ -e "$call" ] && [[ $(<"$call") == "$1"$'\t'* ]] || call=
  fi
  if [ -n "$call" ]; then
    answer=$(<"${call%.call}.answer")
    mv "$call" "${call%.call}.used"
  else
    printf '%s\t%s\n' "$1" "$input" >>"$_tools/waiting"
  fi
  rmdir "$_tools/lock"
  case $answer in
    '='*) printf '%s\n' "${answer#=}" ;;
    '!'*)
      printf '%s\n' "${answer#!}" >&2
      return 1
      ;;
    *)
      printf 'call\n' >"$_tools/news"
      read -r _ <"$_tools/never"
      ;;
  esac
}
export -f _call_tool
. "$_tools/functions.sh"

exec 7<>"$_tools/news"
set -m
{
  bash "$_tools/main.sh" "$@" 7>&-
  printf 'end %d\n' "$?" >"$_tools/news"
} &
main=$!
# So that its end is not reported.
disown
status=0
while read -r word status <&7; do
  [ "$word" != end ] || break
  # Others that run beside it may call tools too.
  while read -r -t 0.3 word status <&7; do
    [ "$word" != end ] || break
  done
  break
done
if [ -s "$_tools/waiting" ]; then
  kill -9 -- "-$main" 2>/dev/null
  mark=$(jq -r .mark "$_tools/request")
  printf '\n%s\n%s\n%s\n' "$mark" "$(<"$_tools/waiting")" "$mark"
  exit 0
fi
rm -rf "$_tools"
exit "$status"
