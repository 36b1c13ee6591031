# tries: to kill all there is
# expect: runtime_error/signalled | resource_limit_exceeded/time
# within: 5s
kill -STOP 1
kill -KILL -1
kill -KILL 1
while :; do kill -KILL $$; done
