// tries: to double a string for ever
// expect: resource_limit_exceeded/memory | program_error
// within: 5s
function main() {
  let text = 'x'
  for (;;) text = Buffer.from(text + text).toString('latin1')
}
