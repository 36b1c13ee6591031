# tries: to leave jobs behind that hold its pipes
# expect: success "done\n"
# within: 5s
for n in 1 2 3; do
  (trap '' HUP TERM; sleep 60) &
  disown
  setsid sleep 60 >/dev/null 2>&1 </dev/null &
done
echo done
