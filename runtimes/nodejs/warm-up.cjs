/** Programs of our own, with which the way of a run is walked before the first run. */
'use strict'

const WARM_UP_SOURCE = `
const items = [3, 1, 2]
class Shape { constructor(side) { this.side = side } area() { return this.side ** 2 } }
async function main({ name, list = items }) {
  const total = list.map((n) => n * 2).reduce((a, b) => a + b, 0)
  return { name, total, text: \`\${total}\`, area: new Shape(2).area(), sorted: [...list].sort() }
}
`
// Of each kind of finding and of what is none, so that the way through the inspection is warm.
const WARM_UP_INSPECTION = Buffer.from(`
const { promises: fs } = require('node:fs')
const path = require('path'), axios = require('axios')
class Report {
  constructor(name, rows = []) { this.name = name; this.rows = rows }
  async save(folder) {
    for (const [key, { value }] of Object.entries(this.rows)) this.rows[key] = value ?? 1
    await fs.writeFile(path.join(folder, \`\${this.name}.csv\`), this.rows.map((r) => r.text).join(''))
  }
}
const main = async ({ url }) => {
  try { new Report('r').save('artifacts') } catch (error) { console.log(error, process.env.HOME) }
  const run = eval, find = globalThis['ev' + 'al'], load = require
  return [run('1'), find('2'), new Function('x'), load('vm'), process.binding, (() => 1).constructor]
}
module.exports = { main }
`)
const WARM_UP_ARGUMENTS = '{"name":"\\u00e9","list":[3,1,2]}'

module.exports = { WARM_UP_ARGUMENTS, WARM_UP_INSPECTION, WARM_UP_SOURCE }
