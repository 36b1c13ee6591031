const groupBy = (items, key) =>
  items.reduce((groups, item) => {
    const name = typeof key === 'function' ? key(item) : item[key]
    ;(groups[name] ||= []).push(item)
    return groups
  }, {})

function main() {
  const people = [{ name: 'Ann', city: 'Rome' }, { name: 'Bob', city: 'Oslo' }, { name: 'Cy', city: 'Rome' }]
  return Object.entries(groupBy(people, 'city')).map(([city, list]) => ({ city, names: list.map((p) => p.name) }))
}
