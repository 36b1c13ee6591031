# tries: to expand more words than there is memory for
# expect: resource_limit_exceeded | program_error | runtime_error
# within: 5s
echo {1..100000000}
