const modules = [{ name: 'core', deps: [] }, { name: 'ui', deps: ['core'] }]

const sorted = (list) => {
  const done = new Set()
  const visit = (module) => {
    if (done.has(module.name)) return
    module.deps.forEach((name) => visit(list.find((module) => module.name === name)))
    done.add(module.name)
  }
  list.forEach(visit)
  return [...done]
}

const main = () => sorted(modules)
module.exports = { main }
