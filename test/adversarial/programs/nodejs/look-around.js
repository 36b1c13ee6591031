// tries: to learn where it is: environment, users, interfaces, modules, host
// expect: success {"environment":["HOME","LANG","NODE_PATH","PATH"],"hostname":"sandbox","interfaces":[],"files":[]}
// within: 5s
const fs = require('node:fs')
const os = require('node:os')
function main() {
  const paths = ['/root', '/home', '/work', '/etc/hostname', '/etc/machine-id', '/.dockerenv', '/var/run/docker.sock']
  return {
    environment: Object.keys(process.env).sort(),
    hostname: os.hostname(),
    interfaces: Object.keys(os.networkInterfaces()).filter((name) => name !== 'lo'),
    files: paths.filter((path) => {
      try {
        return fs.statSync(path).isDirectory() ? fs.readdirSync(path).length > 0 : fs.readFileSync(path).length > 0
      } catch {
        return false
      }
    }),
  }
}
