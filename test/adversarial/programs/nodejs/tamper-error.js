// tries: to fail with an error that cannot be printed
// expect: program_error | resource_limit_exceeded/time
// within: 5s
function main() {
  throw new Proxy(new Error('x'), {
    get() { throw new Error('get') },
    getPrototypeOf() { throw new Error('prototype') },
    ownKeys() { throw new Error('keys') },
  })
}
