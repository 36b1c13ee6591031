// tries: to end in every way, from every corner
// expect: program_error | runtime_error | success
// within: 5s
function main() {
  process.on('exit', () => process.reallyExit(3))
  process.on('uncaughtException', () => process.exit(4))
  setImmediate(() => Promise.reject(null))
  process.nextTick(() => { throw undefined })
  return new Promise(() => {})
}
