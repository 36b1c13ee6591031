const kind = (value) => {
  if (value === null) return 'null'
  if (Array.isArray(value)) return 'array'
  if (value instanceof Function) return 'function'
  if (value.constructor === Object) return 'plain'
  return value.constructor.name
}

function main() {
  const values = [null, [], () => {}, {}, new Map(), 'text', 1]
  const comment = "never eval(input) and never require('child_process')"
  return { kinds: values.map(kind), length: comment.length }
}
