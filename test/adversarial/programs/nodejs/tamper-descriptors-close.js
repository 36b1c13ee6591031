// tries: to close every descriptor, the event loop's among them
// expect: any
// within: 5s
const fs = require('node:fs')
function main() {
  for (let fd = 0; fd <= 300; fd++) {
    try {
      fs.closeSync(fd)
    } catch {}
  }
  return new Promise((resolve) => setTimeout(resolve, 10, 1))
}
