// tries: to reach the host by what Node.js keeps inside
// expect: success []
// within: 5s
const fs = require('node:fs')
function main() {
  const done = []
  for (const call of [
    () => process.setuid(0),
    () => process.setgid(0),
    () => process.setgroups([0]),
    () => process.initgroups('root', 0),
    () => process.chroot('/'),
    () => fs.chownSync('/tmp', 0, 0),
    () => fs.writeFileSync('/proc/sys/kernel/core_pattern', '|/tmp/adversary'),
    () => fs.writeFileSync('/usr/local/bin/node', ''),
    () => fs.writeFileSync('/usr/local/lib/node_modules/adversary.js', ''),
    () => fs.symlinkSync('/tmp', '/adversary'),
    () => fs.readFileSync('/proc/1/mem'),
  ]) {
    try {
      call()
      done.push(String(call))
    } catch {}
  }
  return done
}
