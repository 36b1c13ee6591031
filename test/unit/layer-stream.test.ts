import { existsSync, mkdtempSync, readFileSync, rmSync, statSync } from 'node:fs'
import { tmpdir } from 'node:os'
import path from 'node:path'
import { afterEach, beforeEach, describe, expect, test } from 'vitest'
import { LayerReader, plainText } from '../../src/templates/layer-stream.ts'

let folder = ''
beforeEach(() => {
  folder = mkdtempSync(path.join(tmpdir(), 'layer-'))
})
afterEach(() => rmSync(folder, { recursive: true, force: true }))

function part(head: object, content = ''): Buffer {
  const text = Buffer.from(JSON.stringify(head))
  const length = Buffer.alloc(4)
  length.writeUInt32LE(text.length)
  return Buffer.concat([length, text, Buffer.from(content)])
}
const file = (name: string, content: string, executable = false) =>
  part({ kind: 'file', path: name, size: Buffer.byteLength(content), executable }, content)
const done = part({ kind: 'done', libraries: { a: '1' }, replaces: ['a'] })

function read(bytes: Buffer, piece = bytes.length, bounds = { bytes: 1000, files: 10 }) {
  const reader = new LayerReader(folder, bounds, () => {})
  try {
    for (let at = 0; at < bytes.length; at += piece) reader.take(bytes.subarray(at, at + piece))
    return reader.end
  } finally {
    reader.close()
  }
}

test.each([1, 3, 7, 1000])('files arrive in pieces of %i bytes', (piece) => {
  const stream = Buffer.concat([file('a/b.py', 'x = "ü"\n'), file('run', '', true), done])
  expect(read(stream, piece)).toEqual({ kind: 'done', libraries: { a: '1' }, replaces: ['a'] })
  expect(readFileSync(path.join(folder, 'a/b.py'), 'utf8')).toBe('x = "ü"\n')
  expect(statSync(path.join(folder, 'a/b.py')).mode & 0o7777).toBe(0o644)
  expect(statSync(path.join(folder, 'run')).mode & 0o7777).toBe(0o755)
})

describe('what a hostile sandbox says is refused:', () => {
  test.each(['../up', '/etc/passwd', 'a/../../b', 'a//b', '.', 'a/\u0000b', 'a\\b', ''])(
    'a path %j',
    (name) => {
      expect(() => read(file(name, 'x'))).toThrow(/refused: a head is not as it must be/)
    },
  )

  test('a link, a device, a mode', () => {
    for (const head of [
      { kind: 'link', path: 'a', to: '/etc/passwd' },
      { kind: 'device', path: 'a', major: 1, minor: 1 },
      { kind: 'file', path: 'a', size: 0, executable: false, mode: 0o4755 },
    ]) {
      expect(() => read(part(head))).toThrow(/refused/)
    }
    expect(existsSync(path.join(folder, 'a'))).toBe(false)
  })

  test('the same path twice, and a file in the place of a folder', () => {
    expect(() => read(Buffer.concat([file('a', 'x'), file('a', 'y')]))).toThrow(/EEXIST/)
    expect(readFileSync(path.join(folder, 'a'), 'utf8')).toBe('x')
    expect(() => read(Buffer.concat([file('b', 'x'), file('b/c', 'y')]))).toThrow(/refused/)
  })

  test('more bytes, or more files, than allowed', () => {
    expect(() => read(file('a', 'x'.repeat(1001)))).toThrow(/take more than/)
    // Before a byte of it is written.
    expect(() => read(part({ kind: 'file', path: 'b', size: 1e15, executable: false }))).toThrow(
      /take more than/,
    )
    const many = Array.from({ length: 11 }, (_, number) => file(`f${number}`, ''))
    expect(() => read(Buffer.concat(many))).toThrow(/more than 10 files/)
  })

  test('a head without an end, and something after the end', () => {
    const endless = Buffer.alloc(8, 0xff)
    expect(() => read(endless)).toThrow(/too long/)
    expect(() => read(Buffer.concat([done, file('a', 'x')]))).toThrow(/after the end/)
  })

  test('a stream that breaks off has no end', () => {
    expect(read(file('a', 'abc').subarray(0, -1))).toBeNull()
  })
})

test('what it says is shown without control characters, and cut', () => {
  expect(plainText('a\u001b[31mb\nc\u202e', 100)).toBe('a [31mb c')
  expect(plainText('x'.repeat(50), 10)).toBe(`${'x'.repeat(10)} …`)
})
