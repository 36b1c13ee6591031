// tries: to take memory outside of the heap
// expect: resource_limit_exceeded/memory
// within: 5s
function main() {
  const kept = []
  for (;;) kept.push(Buffer.alloc(1 << 22, 1))
}
