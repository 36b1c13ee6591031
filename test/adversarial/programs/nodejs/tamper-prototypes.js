// tries: to poison the prototypes that everybody uses
// expect: any
// within: 5s
function main() {
  Object.prototype.then = (resolve) => resolve('poisoned')
  Object.defineProperty(Object.prototype, 'length', { get: () => 1e9, configurable: true })
  Array.prototype[Symbol.iterator] = null
  Array.prototype.push = Array.prototype.map = null
  Function.prototype.call = Function.prototype.apply = null
  String.prototype.split = null
  return [1]
}
