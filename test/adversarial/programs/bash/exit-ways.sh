# tries: to end in a signal while its children go on
# expect: runtime_error/signalled
# within: 5s
sleep 60 &
trap 'exit 0' EXIT
kill -SEGV $$
