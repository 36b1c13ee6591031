# tries: to double a string for ever
# expect: resource_limit_exceeded/memory
# within: 5s
text=x
while :; do text=$text$text; done
