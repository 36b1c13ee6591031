// tries: to replace the modules that the runner was made of
// expect: any
// within: 5s
const Module = require('node:module')
function main() {
  const fs = require('node:fs')
  fs.writeSync = fs.readSync = fs.writeFileSync = () => 0
  Module._load = Module.prototype._compile = null
  require('node:util').inspect = () => { throw new Error('no') }
  process.binding = process._linkedBinding = null
  throw new Error('hidden')
}
