# tries: to wait for input that never comes
# expect: success "0\n" | resource_limit_exceeded/time
# within: 5s
cat
read -r line
echo ${#line}
