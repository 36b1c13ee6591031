import { describe, expect, test } from 'vitest'
import { checkInput, type InputRules } from '../../src/dispatch/run-input.ts'
import type { Program, RunRequest } from '../../src/run/types.ts'
import { requestWith } from '../support/run-request.ts'

const rules: InputRules = {
  modes: ['function', 'script'],
  ownFiles: ['main.py', 'artifacts'],
  limits: { workspaceBytes: 1024 ** 2 + 100_000 },
}
type Part = Partial<Omit<RunRequest, 'program'>> & { program?: Partial<Program> }
const check = (part: Part) => checkInput(requestWith(part), rules)
const file = (path: string, bytes = 1) => ({ path, content: Buffer.alloc(bytes) })

describe('checkInput', () => {
  test('takes what a program can be run with', () => {
    check({})
    check({
      program: { mode: 'script', argv: ['', 'größe', '--x=1\n'] },
      env: { PATH: '/bin', _a1: '' },
      files: [file('a.csv', 0), file('data/b c.csv'), file('artifacts/x/y')],
      collect: ['*.csv', '**/b'],
    })
  })

  test.each([
    '',
    '/etc/passwd',
    '.env',
    'data/.env',
    '.',
    '..',
    '../a',
    'a/../b',
    'a/./b',
    'a//b',
    'a/',
    '\\a',
    'a\n',
    'a\0',
    'x'.repeat(256),
    `${'x/'.repeat(600)}x`,
    'main.py',
    'artifacts',
  ])('path %j is refused', (path) => {
    const refused = { code: 'REQUEST_INVALID', field: 'files.1.path' }
    expect(() => check({ files: [file('a.csv'), file(path)] })).toThrow(
      expect.objectContaining(refused),
    )
  })

  test.each<[string, string, Part]>([
    ['mode', 'mode', { program: { mode: 'cell' } }],
    ['a path twice', 'files.1.path', { files: [file('a'), file('a')] }],
    ['a file that is a folder', 'files', { files: [file('a'), file('a/b')] }],
    ['a folder that is a file', 'files', { files: [file('a/b/c'), file('a/b')] }],
    ['a folder in place of the source', 'files', { files: [file('main.py/a')] }],
    ['files that do not fit', 'files', { files: [file('a', 50_000), file('b', 50_000)] }],
    ['many small files', 'files', { files: Array.from({ length: 25 }, (_, i) => file(`${i}`)) }],
    ['too many files', 'files', { files: Array.from({ length: 1001 }, (_, i) => file(`${i}`, 0)) }],
    ['a variable without a name', 'env.', { env: { '': 'x' } }],
    ['a name with =', 'env.A=B', { env: { 'A=B': 'x' } }],
    ['a name that begins with a digit', 'env.1A', { env: { '1A': 'x' } }],
    ['a value with NUL', 'env.A', { env: { A: '\0' } }],
    ['an argument with NUL', 'argv.1', { program: { argv: ['a', 'b\0'] } }],
    ['a long environment', 'env', { env: { A: 'x'.repeat(70_000) } }],
    ['long arguments', 'argv', { program: { argv: ['x'.repeat(70_000)] } }],
    ['an empty glob', 'collect.0', { collect: [''] }],
    ['a glob with NUL', 'collect.1', { collect: ['a', 'b\0'] }],
    ['many globs', 'collect', { collect: Array(33).fill('a') }],
  ])('%s is refused', (_what, field, part) => {
    expect(() => check(part)).toThrow(expect.objectContaining({ code: 'REQUEST_INVALID', field }))
  })

  test('a person reads of indexes in brackets', () => {
    expect(() => check({ files: [file('')] })).toThrow(/^files\[0\]\.path is not a relative path/)
  })
})
