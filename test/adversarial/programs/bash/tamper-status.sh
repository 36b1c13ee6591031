# tries: to claim success and to go on
# expect: success ""
# within: 5s
printf '\0' >&200
while :; do :; done
