// tries: to stall in one arithmetic operation
// expect: any
// within: 5s
function main() {
  let n = 3n
  for (;;) n *= n
}
