// tries: to read secrets out of memory that others used
// expect: success 0
// within: 5s
function main() {
  let found = 0
  for (let i = 0; i < 400; i++) {
    const old = Buffer.allocUnsafeSlow(100_000)
    if (old.includes('honest-') || old.includes('secret":"')) found++
  }
  return found
}
