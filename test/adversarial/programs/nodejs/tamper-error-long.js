// tries: to fail with a name and a stack of megabytes
// expect: program_error | resource_limit_exceeded/output
// within: 5s
function main() {
  const error = new Error('x'.repeat(4 << 20))
  error.name = 'N'.repeat(1 << 20)
  error.code = 'C'.repeat(1 << 20)
  throw error
}
