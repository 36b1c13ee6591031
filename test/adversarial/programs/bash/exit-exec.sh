# tries: to become another program
# expect: success "other\n"
# within: 5s
exec -a adversary /bin/echo other
