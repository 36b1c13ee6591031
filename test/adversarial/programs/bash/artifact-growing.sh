# tries: to make its files grow while they are read
# expect: success ""
# within: 5s
for n in 1 2 3 4; do
  (while :; do echo more >>artifacts/$n.csv; done) >/dev/null 2>&1 &
  disown
done
sleep 0.2
