const { promises: fs } = require('node:fs')
const { join } = require('node:path')

async function main() {
  const target = join(process.cwd(), 'artifacts', 'data.json')
  await fs.writeFile(target, JSON.stringify({ hello: 'world' }, null, 2))
  return JSON.parse(await fs.readFile(target, 'utf8'))
}
