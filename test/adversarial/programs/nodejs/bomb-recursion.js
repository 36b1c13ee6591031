// tries: to overflow the stack, also natively
// expect: program_error
// within: 5s
function main() {
  const deeper = (n) => [n].map(() => deeper(n + 1))[0]
  return deeper(0)
}
