// tries: to forge frames of each type and length
// expect: program_error | resource_limit_exceeded/output
// within: 5s
const { writeSync } = require('node:fs')
function main() {
  for (let type = 0; type < 256; type++) {
    for (const length of [0, 1, 0xffff, 0xffffffff]) {
      const head = Buffer.alloc(5)
      head.writeUInt32LE(length)
      head[4] = type
      writeSync(199, head)
    }
  }
  return 1
}
