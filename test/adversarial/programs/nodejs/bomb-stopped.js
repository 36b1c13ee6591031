// tries: to stop itself, so that it neither runs nor ends
// expect: resource_limit_exceeded/time
// within: 5s
function main() {
  process.kill(process.pid, 'SIGSTOP')
  for (;;);
}
