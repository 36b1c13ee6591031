// tries: to stall in a regular expression
// expect: resource_limit_exceeded/time
// within: 5s
function main() {
  return /^(([a-z])+.)+[A-Z]([a-z])+$/.test('a'.repeat(60))
}
