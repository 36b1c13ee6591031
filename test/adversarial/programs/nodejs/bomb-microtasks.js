// tries: to starve the event loop with promises
// expect: resource_limit_exceeded
// within: 5s
async function main() {
  for (;;) await null
}
