function clone(value, seen = new WeakMap()) {
  if (value === null || typeof value !== 'object') return value
  if (seen.has(value)) return seen.get(value)
  if (value instanceof Date || value instanceof RegExp) return new value.constructor(value)
  const copy = Array.isArray(value) ? [] : Object.create(Object.getPrototypeOf(value))
  seen.set(value, copy)
  for (const key of Reflect.ownKeys(value)) copy[key] = clone(value[key], seen)
  return copy
}

function main() {
  const source = { a: [1, { b: 2 }], d: new Date(0) }
  const copy = clone(source)
  copy.a[1].b = 3
  return { source: source.a[1].b, copy: copy.a[1].b, isDate: copy.d instanceof Date }
}
