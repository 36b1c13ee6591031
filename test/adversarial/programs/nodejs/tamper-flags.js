// tries: to change the engine under the runner
// expect: any
// within: 5s
function main() {
  const v8 = require('node:v8')
  for (const flag of ['--allow-natives-syntax', '--stack-size=65500', '--jitless', '--no-opt', '--abort-on-uncaught-exception', '--max-heap-size=1']) {
    v8.setFlagsFromString(flag)
  }
  new Function('%Abort("no")')()
}
