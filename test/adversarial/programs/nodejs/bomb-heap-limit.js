// tries: to lift the heap limit of the engine and fill it
// expect: resource_limit_exceeded/memory
// within: 5s
function main() {
  require('node:v8').setFlagsFromString('--max-old-space-size=100000')
  const kept = []
  for (;;) kept.push(new Array(1000).fill(kept.length))
}
