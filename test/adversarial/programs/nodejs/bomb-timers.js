// tries: to keep millions of timers and watchers
// expect: resource_limit_exceeded
// within: 5s
function main() {
  const again = () => {
    for (let i = 0; i < 1000; i++) setTimeout(again, i % 7)
  }
  again()
  return new Promise(() => {})
}
