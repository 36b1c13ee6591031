// tries: to load machine code of its own
// expect: success []
// within: 5s
const fs = require('node:fs')
function main() {
  const loaded = []
  fs.writeFileSync('/tmp/adversary.node', fs.readFileSync('/bin/sh'))
  for (const file of ['/tmp/adversary.node', '/proc/self/mem', '/dev/zero', '/bin/sh']) {
    try {
      process.dlopen({ exports: {} }, file)
      loaded.push(file)
    } catch {}
  }
  return loaded
}
