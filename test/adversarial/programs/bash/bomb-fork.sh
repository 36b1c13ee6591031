# tries: the fork bomb that everybody knows
# expect: resource_limit_exceeded | program_error | success
# within: 5s
bomb() { bomb | bomb & }
bomb
wait
sleep 60
