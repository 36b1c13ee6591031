// tries: to be called by every assignment of a common name
// expect: any
// within: 5s
function main() {
  for (const name of ['type', 'payload', 'length', 'code', 'name', 'message', 'stack', 'result']) {
    Object.defineProperty(Object.prototype, name, {
      get: () => { throw new Error(name) },
      set: () => { throw new Error(name) },
    })
  }
  return { a: 1 }
}
