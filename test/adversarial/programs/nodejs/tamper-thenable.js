// tries: to settle its result many times, late and with itself
// expect: success 1 | program_error
// within: 5s
function main() {
  return {
    then(resolve, reject) {
      resolve(1)
      resolve(2)
      reject(new Error('late'))
      setTimeout(() => { throw null }, 0).unref()
    },
  }
}
