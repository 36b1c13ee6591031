# tries: to recurse until the stack is gone
# expect: runtime_error | resource_limit_exceeded | program_error
# within: 5s
deeper() { deeper; }
deeper
