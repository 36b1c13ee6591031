// tries: to return more than may be returned
// expect: resource_limit_exceeded/output
// within: 5s
function main() {
  return Array(11 << 10).fill('x'.repeat(1024))
}
