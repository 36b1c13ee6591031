import { mkdirSync, mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import path from 'node:path'
import { afterEach, beforeEach, describe, expect, test } from 'vitest'
import { projectDir } from '../../src/config.ts'
import { loadPolicies } from '../../src/runtimes/code-policy.ts'
import { loadRuntimes } from '../../src/runtimes/definition.ts'

const RUNTIMES = loadRuntimes(path.join(projectDir(), 'runtimes'))
const shipped = (name: string) =>
  JSON.parse(readFileSync(path.join(projectDir(), 'runtimes', name, 'policy.json'), 'utf8'))

let folder: string
beforeEach(() => {
  folder = mkdtempSync(path.join(tmpdir(), 'policy-'))
})
afterEach(() => rmSync(folder, { recursive: true }))

const write = (name: string, content: unknown) =>
  writeFileSync(
    path.join(folder, name),
    typeof content === 'string' ? content : JSON.stringify(content),
  )
const decoded = (policies: Map<string, Buffer>, name: string) =>
  JSON.parse(policies.get(name)?.toString('utf8') ?? 'null')

test('off: no runtime has a policy', () => {
  expect(loadPolicies(RUNTIMES, 'off', null).size).toBe(0)
})

test.each(['strict', 'balanced'] as const)('%s: what the runners take', (mode) => {
  const policies = loadPolicies(RUNTIMES, mode, null)
  expect([...policies.keys()]).toEqual(['nodejs', 'python'])
  for (const name of policies.keys()) {
    const { strict, balanced, ...bounds } = shipped(name)
    expect(decoded(policies, name)).toEqual({ mode, ...bounds, rules: { strict, balanced }[mode] })
    // It goes with each run.
    expect(policies.get(name)?.length).toBeLessThan(8192)
  }
})

describe("an operator's file", () => {
  test('takes the place of the shipped one, and of no other', () => {
    const own = shipped('python')
    own.balanced.modules = { 'It is a joke.': ['antigravity'] }
    write('python.json', own)
    write('notes.txt', 'not a policy')
    const policies = loadPolicies(RUNTIMES, 'balanced', folder)
    expect(decoded(policies, 'python').rules.modules).toEqual({ 'It is a joke.': ['antigravity'] })
    expect(policies.get('nodejs')).toEqual(loadPolicies(RUNTIMES, 'balanced', null).get('nodejs'))
  })

  const changed = (name: string, change: (policy: ReturnType<typeof shipped>) => void) => {
    const policy = shipped(name)
    change(policy)
    return policy
  }
  test.each([
    ['python.json', '{', 'cannot be read as JSON'],
    ['python.json', [], 'the top level: '],
    ['ruby.json', {}, 'no runtime "ruby" inspects code'],
    ['bash.json', {}, 'no runtime "bash" inspects code'],
    ['python.json', changed('python', (p) => delete p.maxMs), 'maxMs: '],
    ['python.json', changed('python', (p) => (p.maxSourceBytes = -1)), 'maxSourceBytes: '],
    ['python.json', changed('python', (p) => (p.extra = {})), 'Unrecognized key: "extra"'],
    ['python.json', changed('python', (p) => delete p.strict.calls), 'strict.calls is missing'],
    [
      'python.json',
      changed('python', (p) => (p.balanced.module = {})),
      'balanced.module: there is no such rule',
    ],
    [
      'python.json',
      changed('python', (p) => (p.balanced.modules = ['x'])),
      'balanced.modules: must be lists of names by advice',
    ],
    ['python.json', changed('python', (p) => (p.balanced.modules = [1])), 'balanced.modules: '],
    [
      'nodejs.json',
      changed('nodejs', (p) => (p.strict.patterns['Call: x'] = '(')),
      'strict.patterns.Call: x: Invalid regular expression',
    ],
  ])('%s: %j is refused, file and field named', (name, content, message) => {
    write(name, content)
    for (const mode of ['balanced', 'off'] as const) {
      const load = expect(() => loadPolicies(RUNTIMES, mode, folder))
      load.toThrow(expect.objectContaining({ code: 'CONFIG_INVALID' }))
      expect(() => loadPolicies(RUNTIMES, mode, folder)).toThrow(`${path.join(folder, name)}: `)
      expect(() => loadPolicies(RUNTIMES, mode, folder)).toThrow(message)
    }
  })

  test('a folder that is not there stops the start', () => {
    const missing = path.join(folder, 'missing')
    expect(() => loadPolicies(RUNTIMES, 'off', missing)).toThrow(`${missing}: cannot be read`)
  })

  test('a folder in place of a file is named', () => {
    mkdirSync(path.join(folder, 'python.json'))
    expect(() => loadPolicies(RUNTIMES, 'off', folder)).toThrow('python.json: cannot be read')
  })
})
