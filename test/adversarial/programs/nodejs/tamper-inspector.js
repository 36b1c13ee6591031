// tries: to open a debugger for whoever comes by
// expect: any
// within: 5s
function main() {
  process.kill(process.pid, 'SIGUSR1')
  try {
    require('node:inspector').open(9229, '0.0.0.0')
  } catch {}
  return new Promise((resolve) => setTimeout(resolve, 100, 1))
}
