// tries: to write garbage to every descriptor there may be
// expect: program_error | resource_limit_exceeded | runtime_error
// within: 5s
const fs = require('node:fs')
function main() {
  for (let fd = 0; fd <= 300; fd++) {
    try {
      fs.writeSync(fd, Buffer.alloc(4096, 255))
    } catch {}
  }
  return 1
}
