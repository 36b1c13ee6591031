# tries: to replace what the runner still needs
# expect: any
# within: 5s
printf() { :; }
builtin() { :; }
exit() { :; }
enable -n printf
readonly REPLY=1
alias printf=false
shopt -s expand_aliases
exec 1>&- 2>&-
