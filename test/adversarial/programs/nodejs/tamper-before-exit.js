// tries: to begin anew each time it is done
// expect: resource_limit_exceeded/time
// within: 5s
function main() {
  process.on('beforeExit', () => setTimeout(() => {}, 1))
  return 1
}
