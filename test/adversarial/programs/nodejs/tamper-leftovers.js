// tries: to leave processes behind that hold its pipes and write to them
// expect: success "done"
// within: 5s
const { spawn } = require('node:child_process')
function main() {
  for (let i = 0; i < 3; i++) {
    spawn('/bin/sh', ['-c', 'while :; do sleep 0.1; echo late; echo late >&2; done'], {
      detached: true,
      stdio: ['ignore', 1, 2],
    }).unref()
  }
  return 'done'
}
