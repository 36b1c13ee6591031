// tries: to start processes without end
// expect: resource_limit_exceeded | program_error
// within: 5s
const { spawn } = require('node:child_process')
function main() {
  const more = () => {
    for (let i = 0; i < 20; i++) {
      try {
        spawn('/bin/sleep', ['60'], { detached: true }).on('error', () => {})
      } catch {}
    }
    setImmediate(more)
  }
  more()
  return new Promise(() => {})
}
