# tries: to flood both streams
# expect: resource_limit_exceeded/output
# within: 5s
yes >&2 &
yes
