// tries: to keep the process from ending
// expect: any
// within: 5s
function main() {
  process.exit = process.reallyExit = process.kill = process.abort = () => {}
  process.emit = () => true
  process.on('exit', () => { for (;;); })
  process.on('uncaughtException', () => {})
  setInterval(() => {}, 1000)
  throw new Error('never told')
}
