// tries: to return something that never ends when it is printed
// expect: success | resource_limit_exceeded | program_error | runtime_error
// within: 5s
function main() {
  const endless = { toJSON: () => ({ a: endless2 }) }
  const endless2 = { get a() { return { toJSON: () => ({ again: endless }) } } }
  return endless
}
