// tries: to fill the heap of the engine
// expect: resource_limit_exceeded/memory
// within: 5s
function main() {
  const kept = []
  for (;;) kept.push({ a: [1, 2, 3], b: `${kept.length}` })
}
