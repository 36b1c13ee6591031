// tries: to make nonsense of its exit code
// expect: any
// within: 5s
function main() {
  process.on('exit', () => {
    Object.defineProperty(process, 'exitCode', { get: () => { throw new Error('no') } })
  })
  return 1
}
