# tries: to write to and close every descriptor
# expect: any
# within: 5s
for fd in {0..300}; do
  { echo "garbage $fd" >&$fd; } 2>/dev/null
done
for fd in {0..300}; do eval "exec $fd>&-"; done
