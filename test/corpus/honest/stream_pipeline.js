const { Readable, Transform } = require('stream')
const { pipeline } = require('stream/promises')
const zlib = require('zlib')

async function main() {
  const chunks = []
  const upper = new Transform({ transform(chunk, _encoding, done) { done(null, chunk.toString().toUpperCase()) } })
  await pipeline(Readable.from(['a', 'b', 'c']), upper, async function (source) {
    for await (const chunk of source) chunks.push(chunk.toString())
  })
  const packed = zlib.gzipSync(chunks.join(''))
  return zlib.gunzipSync(packed).toString()
}
