// tries: to unpack a zip bomb in memory
// expect: resource_limit_exceeded/memory
// within: 5s
const zlib = require('node:zlib')
function main() {
  const bomb = zlib.gzipSync(Buffer.alloc(64 << 20))
  const kept = []
  for (;;) kept.push(zlib.gunzipSync(bomb))
}
