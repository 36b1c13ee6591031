import { describe, expect, test } from 'vitest'
import { unzip, ZipError, zipEntries } from '../../src/lib/zip.ts'
import { type FileToPack, zipOf } from '../support/zip.ts'

const MOST = { files: 3, bytes: 1024 }
const content = Buffer.from('a'.repeat(100))
const read = async (zip: Buffer) => {
  const files: [string, Buffer][] = []
  for (const entry of zipEntries(zip, MOST)) files.push([entry.path, await unzip(zip, entry)])
  return files
}

test('files come out as they went in', async () => {
  const zip = zipOf([
    { path: 'a/', content: Buffer.alloc(0) },
    { path: 'a/é', content, isDeflated: true, mode: 0o100644 },
    { path: 'b', content },
  ])
  expect(await read(zip)).toEqual([
    ['a/é', content],
    ['b', content],
  ])
  expect(await read(zipOf([]))).toEqual([])
})

describe('what is no archive that is taken', () => {
  const one = (file: Partial<FileToPack>) => zipOf([{ path: 'a', content, ...file }])
  const whole = one({ isDeflated: true })
  const bomb = Buffer.alloc(1_000_000)
  const changed = (at: number, value: number) => {
    const zip = Buffer.from(whole)
    zip.writeUInt32LE(value, zip.length - 22 + at)
    return zip
  }
  test.each([
    ['nothing', Buffer.alloc(0)],
    ['no archive', Buffer.alloc(1000, 'PK')],
    ['a part', whole.subarray(0, -1)],
    ['more behind it', Buffer.concat([whole, Buffer.from('x')])],
    ['a directory that is elsewhere', changed(16, 0xffffffff)],
    ['a directory inside of a file', changed(16, 3)],
    ['more files than are taken', zipOf(['a', 'b', 'c', 'd'].map((path) => ({ path, content })))],
    ['more bytes than are taken', one({ content: bomb, isDeflated: true })],
    ['a bomb that says that it is small', one({ content: bomb, isDeflated: true, saidSize: 10 })],
    ['a file that is smaller than it says', one({ isDeflated: true, saidSize: 200 })],
    ['a stored file that is larger than it says', one({ saidSize: 10 })],
    ['a link', one({ mode: 0o120777 })],
    ['an encrypted file', one({ flags: 1 })],
  ])('%s', async (_name, zip) => {
    await expect(read(zip)).rejects.toThrow(ZipError)
  })

  test('a file that was changed, at each of its bytes, is refused or as it was', async () => {
    for (let at = 0; at < whole.length; at++) {
      const zip = Buffer.from(whole)
      zip[at] = (zip[at] as number) ^ 0x55
      const files = await read(zip).catch((error: Error) => error)
      if (files instanceof Error) expect(files).toBeInstanceOf(ZipError)
      else for (const [, bytes] of files) expect(bytes).toEqual(content)
    }
  })
})
