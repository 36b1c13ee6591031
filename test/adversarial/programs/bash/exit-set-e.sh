# tries: to leave from within a function, a subshell and a trap
# expect: program_error
# within: 5s
set -euo pipefail
trap 'exit 3' ERR
leave() { (exit 5); }
leave
