# tries: to keep processors busy in long pipelines
# expect: resource_limit_exceeded/time
# within: 5s
yes | tr y n | tr n y | tr y n | tr n y | gzip | gunzip | sha256sum &
yes | sort | uniq >/dev/null &
while :; do :; done
