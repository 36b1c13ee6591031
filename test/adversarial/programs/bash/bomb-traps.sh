# tries: to ignore every signal and to sleep
# expect: resource_limit_exceeded/time
# within: 5s
for n in {1..64}; do trap '' $n; done 2>/dev/null
trap 'sleep 60' EXIT DEBUG
while :; do sleep 60; done
