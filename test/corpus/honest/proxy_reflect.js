function observe(target, log) {
  return new Proxy(target, {
    get: (object, key, receiver) => {
      log.push(`get ${String(key)}`)
      return Reflect.get(object, key, receiver)
    },
    set: (object, key, value) => {
      log.push(`set ${String(key)}`)
      return Reflect.set(object, key, value)
    },
  })
}

function main() {
  const log = []
  const state = observe({ n: 1 }, log)
  state.n += 1
  return { n: state.n, log }
}
