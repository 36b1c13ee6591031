class LRUCache {
  constructor(capacity) {
    this.capacity = capacity
    this.map = new Map()
  }
  get(key) {
    if (!this.map.has(key)) return -1
    const value = this.map.get(key)
    this.map.delete(key)
    this.map.set(key, value)
    return value
  }
  put(key, value) {
    this.map.delete(key)
    this.map.set(key, value)
    if (this.map.size > this.capacity) this.map.delete(this.map.keys().next().value)
  }
}

function main() {
  const cache = new LRUCache(2)
  cache.put('a', 1); cache.put('b', 2); cache.get('a'); cache.put('c', 3)
  return [cache.get('a'), cache.get('b'), cache.get('c')]
}
