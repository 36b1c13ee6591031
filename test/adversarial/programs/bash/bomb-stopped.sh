# tries: to stop its own shell
# expect: resource_limit_exceeded/time
# within: 5s
kill -STOP $$
