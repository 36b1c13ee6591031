// tries: to start threads without end, each busy
// expect: any
// within: 5s
const { Worker } = require('node:worker_threads')
function main() {
  for (let i = 0; i < 40; i++) new Worker('for (;;);', { eval: true }).on('error', () => {})
  return new Promise(() => {})
}
