// tries: to flood both streams, and to flood them while it is told to stop
// expect: resource_limit_exceeded/output
// within: 5s
function main() {
  process.on('exit', () => {
    for (;;) process.stderr.write('x'.repeat(65536))
  })
  for (;;) {
    process.stdout.write('x'.repeat(65536))
    process.stderr.write('x'.repeat(65536))
  }
}
