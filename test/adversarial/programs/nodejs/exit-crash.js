// tries: to crash the engine
// expect: runtime_error/signalled
// within: 5s
function main() {
  process.abort()
}
