// tries: to begin anew each time it is done
// expect: success 1
// within: 5s
function main() {
  process.on('beforeExit', () => setTimeout(() => {}, 1))
  return 1
}
