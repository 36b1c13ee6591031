// tries: to poison JSON and Buffer
// expect: any
// within: 5s
function main() {
  JSON.stringify = () => '}{'
  JSON.parse = null
  Buffer.from = () => Buffer.alloc(100 << 20)
  Buffer.allocUnsafe = null
  Buffer.prototype.writeUInt32LE = () => {}
  Buffer.prototype.copy = () => 0
  return { a: 1 }
}
