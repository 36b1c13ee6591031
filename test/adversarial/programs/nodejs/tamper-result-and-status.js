// tries: to hand over two results and an end, then to go on
// expect: success {"first":true}
// within: 5s
const { writeSync } = require('node:fs')
function main() {
  for (const text of ['{"first":true}', '{"second":true}']) {
    const head = Buffer.alloc(5)
    head.writeUInt32LE(text.length)
    head[4] = 3
    writeSync(199, Buffer.concat([head, Buffer.from(text)]))
  }
  writeSync(200, Buffer.from([0]))
  for (;;) writeSync(1, 'x')
}
