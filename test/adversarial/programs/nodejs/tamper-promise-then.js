// tries: to answer in place of promises
// expect: any
// within: 5s
async function main() {
  Promise.prototype.then = function (done) {
    done('poisoned')
    done('twice')
    return this
  }
  return 1
}
