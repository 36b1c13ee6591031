// tries: to hand out the host's files, or to fool the collector while it looks
// expect: success null
// within: 5s
// artifacts: empty.json own.json
const fs = require('node:fs')
function main() {
  fs.symlinkSync('/etc/passwd', 'artifacts/a.json')
  fs.symlinkSync('/proc/self/environ', 'artifacts/b.json')
  fs.mkdirSync('artifacts/c.json')
  fs.writeFileSync('artifacts/own.json', '{}')
  fs.writeFileSync(Buffer.from([...Buffer.from('artifacts/'), 0xff, ...Buffer.from('.json')]), 'x')
  fs.writeFileSync('artifacts/empty.json', '')
  return null
}
