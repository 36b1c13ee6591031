import {
  lstatSync,
  mkdirSync,
  mkdtempSync,
  readFileSync,
  readlinkSync,
  rmSync,
  symlinkSync,
  writeFileSync,
} from 'node:fs'
import { tmpdir } from 'node:os'
import path from 'node:path'
import { afterEach, beforeEach, expect, test } from 'vitest'
import { linkRootfs, placeLibraries, placeTree } from '../../src/images/layered.ts'

let folder = ''
beforeEach(() => {
  folder = mkdtempSync(path.join(tmpdir(), 'layered-'))
})
afterEach(() => rmSync(folder, { recursive: true, force: true }))

const at = (...names: string[]) => path.join(folder, ...names)
function write(file: string, text: string): void {
  mkdirSync(path.dirname(at(file)), { recursive: true })
  writeFileSync(at(file), text)
}

test("what a layer replaces leaves the runtime's image as it is", async () => {
  write('base/lib/a/old.py', 'old')
  write('base/lib/b.py', 'old')
  write('base/.executor/x/runner', '')
  write('layer/a/new.py', 'new')
  write('layer/b.py', 'new')
  await linkRootfs(at('base'), at('made'))
  placeLibraries(at('made'), '/lib', at('layer'), ['a'])
  expect(readFileSync(at('made/lib/b.py'), 'utf8')).toBe('new')
  expect(readFileSync(at('made/lib/a/new.py'), 'utf8')).toBe('new')
  expect(lstatSync(at('made/lib/a/old.py'), { throwIfNoEntry: false })).toBeUndefined()
  expect(lstatSync(at('made/.executor'), { throwIfNoEntry: false })).toBeUndefined()
  expect(readFileSync(at('base/lib/b.py'), 'utf8')).toBe('old')
  expect(readFileSync(at('base/lib/a/old.py'), 'utf8')).toBe('old')
})

test('data that NLTK reads keeps one name, which it wants', async () => {
  write('base/lib/a.py', '')
  write('base/usr/share/nltk_data/tokenizers/a.tab', 'text')
  await linkRootfs(at('base'), at('made'))
  expect(readFileSync(at('made/usr/share/nltk_data/tokenizers/a.tab'), 'utf8')).toBe('text')
  expect(lstatSync(at('base/usr/share/nltk_data/tokenizers/a.tab')).nlink).toBe(1)
  expect(lstatSync(at('base/lib/a.py')).nlink).toBe(2)
})

test('a link to a folder of libraries becomes links to each of them', () => {
  write('made/usr/modules/x/index.js', 'old')
  write('made/usr/modules/@s/y/index.js', 'old')
  symlinkSync('usr/modules', at('made/node_modules'))
  write('layer/x/index.js', 'new')
  placeLibraries(at('made'), '/node_modules', at('layer'), ['x'])
  expect(readFileSync(at('made/node_modules/x/index.js'), 'utf8')).toBe('new')
  expect(readFileSync(at('made/usr/modules/x/index.js'), 'utf8')).toBe('old')
  expect(readlinkSync(at('made/node_modules/@s/y'))).toBe('/usr/modules/@s/y')
})

test('a tree is never placed outside of the root', () => {
  write('outside/keep', 'old')
  mkdirSync(at('made/usr/bin'), { recursive: true })
  symlinkSync('usr/bin', at('made/bin'))
  symlinkSync(at('outside'), at('made/out'))
  write('layer/bin/tool', 'new')
  write('layer/out/keep', 'new')
  placeTree(at('made'), at('layer'))
  expect(readFileSync(at('made/usr/bin/tool'), 'utf8')).toBe('new')
  expect(readFileSync(at('outside/keep'), 'utf8')).toBe('old')
})
