# The bash kernel of a session: runs one script after the other in this shell, which keeps variables, functions and
# the working directory. It is an interactive shell without a terminal, for such a shell goes back to its prompt when
# it is interrupted.
# Frames (u32 length, u8 type, payload; little-endian) come on fd 198; READY, FAILURE and ENDED go out on 199. The
# other side is src/supervisor/kernel-protocol.ts, which writes the alias `_kernel` on standard input for each run.
# Builtins only: starting a program takes tens of milliseconds in a sandbox.

set +o history
set +H +m
PS1= PS2=
_kernel_token=
_kernel_assignments=()
_kernel_before=()
_kernel_source=/tmp/.kernel-$$

_kernel_byte() { # sets $_kernel_value; a NUL is the delimiter and so reads as nothing
  local LC_ALL=C character
  IFS= builtin read -r -d '' -n 1 character <&198 || builtin exit 0
  builtin printf -v _kernel_value '%d' "'$character"
  _kernel_value=$((_kernel_value & 255))
}

_kernel_run() {
  local LC_ALL=C length shift type text input=/dev/null
  builtin set --
  while :; do
    length=0
    for shift in 0 8 16 24; do
      _kernel_byte
      length=$((length | _kernel_value << shift))
    done
    _kernel_byte
    type=$_kernel_value
    if [[ $type = 2 ]]; then # CODE
      if [[ $length -gt 16384 ]]; then
        command head -c "$length" <&198 >"$_kernel_source"
      else
        text=
        [[ $length = 0 ]] || IFS= builtin read -r -d '' -N "$length" text <&198
        builtin printf '%s' "${text//$'\r\n'/$'\n'}" >"$_kernel_source"
      fi
      continue
    fi
    if [[ $type = 6 ]]; then # MODE: every program is a script here
      _kernel_byte
      continue
    fi
    text=
    [[ $length = 0 ]] || IFS= builtin read -r -d '' -N "$length" text <&198
    case $type in
      4) break ;;                        # START
      7) _kernel_assignments+=("$text") ;; # ENV
      8) builtin set -- "$@" "$text" ;;  # ARGV
      10) input=$text ;;                 # STDIN
      11) RANDOM=$SRANDOM ;;             # RESEED
    esac
  done
  _kernel_token=$text
  _kernel_arguments=("$@")
  _kernel_input=$input
}

# Variables of one script. Names of its own alone: those of a caller are set and read here.
_kernel_put() {
  _kernel_before=()
  for _kernel_value in "${_kernel_assignments[@]}"; do
    _kernel_name=${_kernel_value%%=*}
    if [[ -v $_kernel_name ]]; then
      _kernel_before+=("$_kernel_name=${!_kernel_name}")
    else
      _kernel_before+=("$_kernel_name")
    fi
    builtin export "$_kernel_value"
  done
  return 0
}

_kernel_put_back() {
  for _kernel_value in "${_kernel_before[@]}"; do
    if [[ $_kernel_value = *=* ]]; then builtin export "$_kernel_value"; else builtin unset -v "$_kernel_value"; fi
  done
  _kernel_before=() _kernel_assignments=()
}

# Before each prompt: whether the last line was a run that has ended, well or by an interrupt.
_kernel_ended() {
  _kernel_code=$?
  [[ $_kernel_token ]] || return 0
  _kernel_put_back
  local LC_ALL=C token=$_kernel_token code=$_kernel_code octal
  _kernel_token=
  set +e # An error ends the script that wishes so, and no later one.
  builtin printf -v octal '\\%03o' "$code"
  [[ $code = 0 ]] || builtin printf '\24\0\0\0\4{"lastCommand":true}' >&199
  builtin printf "\\21\\0\\0\\0\\12%s$octal" "$token" >&199
}
PROMPT_COMMAND=_kernel_ended

# No function, in which a script could declare nothing that lasts.
alias _kernel='_kernel_run && _kernel_put && . "$_kernel_source" "${_kernel_arguments[@]}" <"$_kernel_input"'

builtin printf '\0\0\0\0\1' >&199
