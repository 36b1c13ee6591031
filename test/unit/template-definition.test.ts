import { mkdirSync, mkdtempSync, rmSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import path from 'node:path'
import { afterEach, beforeEach, describe, expect, test } from 'vitest'
import { projectDir } from '../../src/config.ts'
import { loadRuntimes } from '../../src/runtimes/definition.ts'
import {
  limitsOfTemplate,
  loadTemplate,
  parseTemplate,
  runtimeOfTemplate,
  templateNames,
} from '../../src/templates/definition.ts'

const runtimes = loadRuntimes(path.join(projectDir(), 'runtimes'))
let folder = ''
beforeEach(() => {
  folder = mkdtempSync(path.join(tmpdir(), 'templates-'))
})
afterEach(() => rmSync(folder, { recursive: true, force: true }))

function write(name: string, files: Record<string, string>): void {
  mkdirSync(path.join(folder, name), { recursive: true })
  for (const [file, text] of Object.entries(files)) {
    writeFileSync(path.join(folder, name, file), text)
  }
}
const load = (name: string) => loadTemplate(name, [folder], runtimes)

test('a runtime is all that a template must name', () => {
  write('plain', { 'template.yaml': 'runtime: bash\n' })
  const template = load('plain')
  expect(template).toMatchObject({ name: 'plain', pool: 0, manifest: null, packages: [] })
  expect(runtimeOfTemplate(template)).toMatchObject({ name: 'plain', aliases: [] })
  expect(templateNames([folder])).toEqual(['plain'])
})

test('a lock file counts before a list of requirements', () => {
  const files = { 'template.yaml': 'runtime: python\n', 'requirements.txt': 'a\n' }
  write('one', files)
  write('two', { ...files, 'requirements.lock': 'a==1 --hash=sha256:00\n' })
  expect([load('one').manifest, load('two').manifest]).toEqual([
    'requirements.txt',
    'requirements.lock',
  ])
})

test('its preload takes the place of the heavy modules', () => {
  write('mine', { 'template.yaml': 'runtime: python\npreload: [tiny]\n' })
  const { preload, lean } = runtimeOfTemplate(load('mine'))
  expect(preload).toContain('tiny')
  expect(preload).toContain('json')
  expect(preload).not.toContain('pandas')
  expect(lean).toBeUndefined()
})

test('its limits are told in the words of the wire', () => {
  const { limits } = parseTemplate('runtime: python\nlimits: {memory_mb: 2, wall_ms: 5}', 'x')
  expect(limitsOfTemplate({ limits })).toEqual({ memoryBytes: 2 * 1024 ** 2, wallTimeMs: 5 })
})

describe('an error names the file and the field:', () => {
  test.each([
    ['runtime: [', /not YAML/],
    ['{}', /runtime: /],
    ['runtime: cobol', /runtime: there is no runtime "cobol"; there are bash, nodejs, python/],
    ['runtime: bash\npakages: [x]', /top level: .*pakages/],
    ['runtime: bash\npackages: ["-o"]', /packages\.0: must be a Debian package name/],
    ['runtime: bash\nfiles: {/etc/passwd: a}', /files\.?.*: must be below \/opt/],
    ['runtime: bash\nfiles: {/opt/a: ../secret}', /files\.\/opt\/a: must/],
    ['runtime: bash\nfiles: {/opt/a: nothing}', /files\.\/opt\/a: nothing is not in the folder/],
    ['runtime: bash\nlimits: {memory_mb: -1}', /limits\.memory_mb: /],
    ['runtime: bash\nnetwork: all', /network: /],
    ['runtime: python\npreload: ["a b"]', /preload\.0: must be the name of a module/],
  ])('%j', (text, message) => {
    write('mine', { 'template.yaml': text })
    expect(() => load('mine')).toThrow(message)
    expect(() => load('mine')).toThrow(/template\.yaml: /)
  })

  test('a name that a runtime has', () => {
    write('python3', { 'template.yaml': 'runtime: python\n' })
    expect(() => load('python3')).toThrow(/that of the runtime python/)
  })

  test('a template that is not there, with those that are', () => {
    write('mine', { 'template.yaml': 'runtime: bash\n' })
    expect(() => load('../mine')).toThrow(/There is no template .*there are: mine/)
  })

  test.each([
    '--index-url https://example.org/',
    '-r other.txt',
    'pkg @ https://example.org/pkg.whl',
    'git+https://example.org/pkg',
    './local',
  ])('requirements.txt with %j', (line) => {
    write('mine', { 'template.yaml': 'runtime: python', 'requirements.txt': `ok==1\n${line}\n` })
    expect(() => load('mine')).toThrow(/requirements\.txt:2: .*does not name a package/)
  })

  test.each(['git+ssh://example.org/x', 'owner/name', 'file:../x', 'https://example.org/x.tgz'])(
    'package.json with %j',
    (version) => {
      const json = JSON.stringify({ dependencies: { x: version } })
      write('mine', { 'template.yaml': 'runtime: nodejs', 'package.json': json })
      expect(() => load('mine')).toThrow(/package\.json: dependencies\.x: /)
    },
  )
})
