function debounce(fn, wait) {
  let timer = null
  return function (...args) {
    clearTimeout(timer)
    timer = setTimeout(() => fn.apply(this, args), wait)
  }
}

function compose(...fns) {
  return (x) => fns.reduceRight((value, fn) => fn.call(null, value), x)
}

function variadic() {
  return Array.prototype.slice.call(arguments).length
}

async function main() {
  const calls = []
  const save = debounce((x) => calls.push(x), 5)
  save(1); save(2); save(3)
  await new Promise((resolve) => setTimeout(resolve, 40))
  return { calls, composed: compose((x) => x + 1, (x) => x * 2)(5), count: variadic(1, 2) }
}
