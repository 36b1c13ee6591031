import { execFileSync, spawnSync } from 'node:child_process'
import {
  chmodSync,
  mkdtempSync,
  readdirSync,
  readFileSync,
  rmSync,
  statSync,
  writeFileSync,
} from 'node:fs'
import { tmpdir } from 'node:os'
import path from 'node:path'
import { afterAll, describe, expect, test } from 'vitest'
import { replacements } from '../../src/api/open-terminal/replacing.ts'
import { SANDBOX_PROGRAM } from '../../src/api/open-terminal/sandbox-program.ts'

/** The program that replaces in the sandbox, over a file of this host. */
const folder = mkdtempSync(path.join(tmpdir(), 'replacing-'))
const file = path.join(folder, 'a.txt')
afterAll(() => rmSync(folder, { recursive: true }))

function replace(text: string | Buffer, chunks: readonly object[], most = 8 * 1024 ** 2) {
  writeFileSync(file, text)
  const args = ['-IS', '-c', SANDBOX_PROGRAM, 'replace', JSON.stringify({ path: file, most })]
  const input = JSON.stringify(replacements.parse(chunks))
  const told = JSON.parse(execFileSync('python3', args, { input }).toString())
  expect(readdirSync(folder)).toEqual(['a.txt'])
  return { told, text: readFileSync(file, 'latin1') }
}
const one = (target: string, replacement: string, more: object = {}) => ({
  ...{ target, replacement, ...more },
})

const hasPython = spawnSync('python3', ['-c', '']).status === 0

describe.skipIf(!hasPython)('what the sandbox does, where this host has Python', () => {
  test.each([
    ['a b', [one('b', 'c')], 'a c'],
    ['a a', [one('a', 'b', { allow_multiple: true })], 'b b'],
    ['aaa', [one('aa', 'b', { allow_multiple: true })], 'ba'],
    ['a\r\nb\r\n', [one('\r\nb', '\r\n')], 'a\r\n\r\n'],
    ['a\na\na\n', [one('a', 'b', { start_line: 2, end_line: 2 })], 'a\nb\na\n'],
    ['a\na\na', [one('a', 'b', { start_line: 3 })], 'a\na\nb'],
    ['a\na', [one('a\n', '', { end_line: 1 })], 'a'],
    ['a', [one('a', 'b'), one('b', 'c')], 'c'],
  ] as const)('%j, %j', (before, chunks, after) => {
    const { told, text } = replace(before, chunks)
    expect(told).toEqual({ path: file, size: after.length })
    expect(text).toBe(after)
  })

  test.each([
    ['a', [one('b', 'c')], 'Target string not found: "b"'],
    ['a\nb', [one('b', 'c', { end_line: 1 })], 'Target string not found: "b"'],
    ['a\n', [one('a', 'c', { start_line: 9 })], 'Target string not found: "a"'],
    ['a a', [one('a', 'b')], 'Found 2 occurrences of target string but allow_multiple is false'],
  ] as const)('%j, %j is refused', (before, chunks, detail) => {
    expect(replace(before, chunks)).toEqual({ told: { status: 400, detail }, text: before })
  })

  test('bytes that are no text stay as they are, and so does who may read the file', () => {
    writeFileSync(file, '')
    chmodSync(file, 0o640)
    const { text } = replace(Buffer.from([0xff, 0x61, 0xfe]), [one('a', 'é')])
    expect(Buffer.from(text, 'latin1')).toEqual(Buffer.from([0xff, 0xc3, 0xa9, 0xfe]))
    expect(statSync(file).mode & 0o777).toBe(0o640)
  })

  test('a file never grows beyond its bound, however often it is doubled', () => {
    const chunks = Array.from({ length: 60 }, () => one('a', 'aa', { allow_multiple: true }))
    const told = { status: 413, detail: expect.any(String) }
    expect(replace('a', chunks)).toEqual({ told, text: 'a' })
    expect(replace('aa', [one('b', '')], 1).told).toEqual(told)
  })
})

test('there are so many replacements in a request, and no more', () => {
  const many = Array.from({ length: 1001 }, () => one('a', 'b'))
  expect(replacements.safeParse(many).success).toBe(false)
  expect(replacements.safeParse(many.slice(1)).success).toBe(true)
})
