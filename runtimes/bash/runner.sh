# The bash runner, a script-mode runtime: no main, what the script prints is the result.
# Frames (u32 length, u8 type, payload; little-endian) come on fd 198; READY and PONG go out on 199.
# The arguments are in the file arguments.json of the working directory.

read_number() { # COUNT: the next COUNT bytes as one unsigned number
  local bytes number=0 shift=0 byte
  bytes=$(head -c "$1" <&198 | od -An -v -tu1)
  for byte in $bytes; do
    number=$((number | byte << shift))
    shift=$((shift + 8))
  done
  [ -n "$bytes" ] || exit 0
  echo "$number"
}

printf '\0\0\0\0\1' >&199
while :; do
  length=$(read_number 4) || exit
  [ -n "$length" ] || exit 0
  type=$(read_number 1)
  case $type in
    1) printf '\0\0\0\0\2' >&199 ;;
    2) head -c "$length" <&198 >main.sh ;;
    3) head -c "$length" <&198 >arguments.json ;;
    4) exec /bin/bash main.sh 198<&- 199>&- ;;
  esac
done
