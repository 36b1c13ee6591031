import { mkdirSync, mkdtempSync, rmSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { afterEach, beforeEach, describe, expect, test } from 'vitest'
import { loadRuntimes, parseDefinition } from '../../src/runtimes/definition.ts'

const minimal = {
  mode: 'script',
  sourceFile: 'main.sh',
  image: { suite: 'bookworm', packages: ['jq'] },
  runner: ['/bin/bash', '{guest}/runner.sh'],
  probe: { code: 'echo ok', stdout: 'ok\n' },
}

describe('parseDefinition', () => {
  test('fills in what a small definition leaves out', () => {
    const definition = parseDefinition(minimal, 'runtime.json')
    expect(definition).toMatchObject({ aliases: [], env: {}, preload: [], limits: {} })
    expect(definition.image).toMatchObject({ files: {}, prune: [], finish: [], native: [] })
  })

  test.each([
    ['an unknown key', { ...minimal, colour: 'red' }, 'colour'],
    ['an unknown key in the image', { ...minimal, image: { ...minimal.image, x: 1 } }, 'image'],
    ['a wrong mode', { ...minimal, mode: 'program' }, 'mode'],
    ['a source file elsewhere', { ...minimal, sourceFile: '../main.sh' }, 'sourceFile'],
    ['a lock file elsewhere', withImage({ pipLock: '../pip.lock' }), 'image.pipLock'],
    ['a file put outside', withImage({ files: { '/../x': 'x' } }), 'image.files'],
    ['a package with an option in it', withImage({ packages: ['-o=x'] }), 'image.packages.0'],
    ['a prune path upwards', withImage({ prune: ['/usr/../etc'] }), 'image.prune.0'],
    ['a prune path with a command', withImage({ prune: ['/usr/$(reboot)'] }), 'image.prune.0'],
    ['no runner', { ...minimal, runner: [] }, 'runner'],
  ])('refuses %s and names file and field', (_what, json, field) => {
    const refused = expect(() => parseDefinition(json, '/x/runtime.json'))
    refused.toThrow(expect.objectContaining({ code: 'RUNTIME_INVALID' }))
    expect(() => parseDefinition(json, '/x/runtime.json')).toThrow(/^\/x\/runtime\.json: /)
    expect(() => parseDefinition(json, '/x/runtime.json')).toThrow(field)
  })
})

describe('loadRuntimes', () => {
  let dir = ''
  beforeEach(() => {
    dir = mkdtempSync(join(tmpdir(), 'runtimes-'))
  })
  afterEach(() => rmSync(dir, { recursive: true }))

  function add(name: string, content: unknown): void {
    mkdirSync(join(dir, name))
    const text = typeof content === 'string' ? content : JSON.stringify(content)
    writeFileSync(join(dir, name, 'runtime.json'), text)
  }

  test('takes every folder with a runtime.json, sorted, and skips the others', () => {
    add('zsh', minimal)
    add('bash', minimal)
    mkdirSync(join(dir, 'supervisor'))
    expect(loadRuntimes(dir).map((runtime) => runtime.name)).toEqual(['bash', 'zsh'])
    expect(loadRuntimes(dir)[0]?.folder).toBe(join(dir, 'bash'))
  })

  test('refuses two runtimes that answer to the same name', () => {
    add('bash', { ...minimal, aliases: ['sh'] })
    add('zsh', { ...minimal, aliases: ['sh'] })
    expect(() => loadRuntimes(dir)).toThrow('"sh" already names bash')
  })

  test.each([
    ['broken JSON', 'bash', '{', 'is not JSON'],
    ['a folder name that is no runtime name', 'Bash', minimal, 'the folder'],
  ])('refuses %s', (_what, name, content, message) => {
    add(name, content)
    expect(() => loadRuntimes(dir)).toThrow(message)
  })

  test('refuses a folder without runtimes', () => {
    expect(() => loadRuntimes(dir)).toThrow('holds no runtime folder')
  })

  test('the runtimes of this project are valid', () => {
    const runtimes = loadRuntimes(join(import.meta.dirname, '../../runtimes'))
    expect(runtimes.map((runtime) => runtime.name)).toEqual(
      expect.arrayContaining(['bash', 'nodejs', 'python']),
    )
  })
})

function withImage(part: object): object {
  return { ...minimal, image: { ...minimal.image, ...part } }
}
