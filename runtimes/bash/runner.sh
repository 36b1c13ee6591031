# The bash runner, a script-mode runtime: no main, what the script prints is the result.
# Frames (u32 length, u8 type, payload; little-endian) come on fd 198; READY and PONG go out on 199.
# The arguments are in the file arguments.json of the working directory.
# Builtins only: starting a program takes tens of milliseconds in a sandbox.

LC_ALL=C

read_byte() { # sets $byte; a NUL is the delimiter and so reads as nothing
  local character
  IFS= read -r -d '' -n 1 character <&198 || exit 0
  printf -v byte '%d' "'$character"
  byte=$((byte & 255))
}

# What may set an exit trap, in the script itself or by other files; asking afterwards takes a process.
trapping='trap|eval|source|(^|[[:space:];&|])\.[[:space:]]'
may_trap=

read_payload() { # FILE; the line ends of Windows become those of this shell
  local text
  if [ "$length" -gt 16384 ]; then
    head -c "$length" <&198 >"$1" # read takes a system call for each byte
    sed -n '1{/\r$/q1};q' "$1" || { text=$(sed 's/\r$//' "$1") && printf '%s\n' "$text" >"$1"; }
    grep -Eq "$trapping" "$1" && may_trap=1
  else
    text=
    [ "$length" -eq 0 ] || IFS= read -r -d '' -N "$length" text <&198
    if [[ ${text%%$'\n'*} = *$'\r' ]]; then
      text=${text//$'\r\n'/$'\n'}
      text=${text%$'\r'}
    fi
    [[ $text =~ $trapping ]] && may_trap=1
    printf '%s' "$text" >"$1"
  fi
}

read_text() { # sets $text, of any bytes but NUL
  text=
  [ "$length" -eq 0 ] || IFS= read -r -d '' -N "$length" text <&198
}

# Made ahead: what is there before the program runs is not taken for a file of its own.
: >main.sh >arguments.json
printf '\0\0\0\0\1' >&199
_argv=()
while :; do
  length=0
  for shift in 0 8 16 24; do
    read_byte
    length=$((length | byte << shift))
  done
  read_byte
  case $byte in
    1) printf '\0\0\0\0\2' >&199 ;;
    2) read_payload main.sh ;;
    3) read_payload arguments.json ;;
    4) break ;;
    6) read_byte ;; # Every program is a script here.
    7) read_text && set -- "$@" "$text" ;;
    8) read_text && _argv+=("$text") ;;
  esac
done

# In this shell, as starting another one takes long. It looks like one that was started with the script.
exec 198<&- 199>&-
REPLY=$may_trap
unset -f read_byte read_payload read_text
unset LC_ALL length byte shift text trapping may_trap
# Variables, which may have any name, when nothing here has one: behind them, the arguments.
set -- "$@" '' "${_argv[@]}"
unset _argv
while [ "$1" ]; do
  export "$1" 2>/dev/null
  shift
done
shift
# Shells restored from one snapshot share the state of RANDOM; SRANDOM comes from the kernel.
RANDOM=$SRANDOM
BASH_ARGV0=./main.sh
if [ "$REPLY" ]; then
  . ./main.sh
  printf -v REPLY '\\%03o' $?
  # The trap's words come, and its exit code counts.
  [ -z "$(trap -p EXIT)" ] || exit $((8#${REPLY:1}))
else
  . ./main.sh
  printf -v REPLY '\\%03o' $?
fi
# A last command that was false ended the script: said behind the exit code, in a FAILURE frame.
[ "$REPLY" = '\000' ] || REPLY+='\24\0\0\0\4{"lastCommand":true}'
# Tells the supervisor the exit code, which saves taking this shell down.
printf "$REPLY" >&200
