import { randomBytes } from 'node:crypto'
import { mkdirSync, mkdtempSync, readdirSync, rmSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import path from 'node:path'
import { afterAll, expect, test } from 'vitest'
import { readSessions } from '../../src/config/sessions.ts'
import { readImage, writeImage } from '../../src/sessions/images.ts'
import { assertNoneSealed, sealOf } from '../../src/sessions/key-check.ts'
import { Seal, SealBroken } from '../../src/sessions/seal.ts'

const home = mkdtempSync(path.join(tmpdir(), 'session-key-'))
afterAll(() => rmSync(home, { recursive: true }))
const key = randomBytes(32)
const read = (text: string) => readSessions({ EXECUTOR_MANAGER_SESSION_KEY: text }).sessionKey

test('a key is given in hex, in base64 or as a file', () => {
  const file = path.join(home, 'key')
  for (const text of [key.toString('hex'), key.toString('base64'), key.toString('base64url')]) {
    expect(read(text)?.equals(key)).toBe(true)
    writeFileSync(file, `${text}\n`)
    expect(read(file)?.equals(key)).toBe(true)
  }
  const slash = Buffer.alloc(32, 0xff)
  expect(read(slash.toString('base64'))?.equals(slash)).toBe(true)
  expect(read('')).toBeNull()
})

test('a wrong key is refused, and never shown', () => {
  for (const text of ['secret', key.toString('hex').slice(2), `${key.toString('base64')}AAAA`]) {
    expect(() => read(text)).toThrow('EXECUTOR_MANAGER_SESSION_KEY is not 32 bytes')
    try {
      read(text)
    } catch (error) {
      expect((error as Error).message).not.toContain(text)
    }
  }
  expect(() => read('/no/such/file')).toThrow(/\/no\/such\/file cannot be read: ENOENT/)
})

test('sessions are served with their own key alone', () => {
  const folder = path.join(home, 'sealed')
  assertNoneSealed(folder)
  sealOf(folder, key)
  sealOf(folder, key)
  expect(() => sealOf(folder, randomBytes(32))).toThrow(/is not the key of the sessions in/)
  expect(() => assertNoneSealed(folder)).toThrow(/encrypted, and there is no key/)
  sealOf(folder, key)
})

test('images are in plain in memory only while they are written and read', async () => {
  const [workFolder, one, two] = ['work', 'one', 'two'].map((name) => path.join(home, name))
  for (const folder of [workFolder, one, two]) mkdirSync(folder as string)
  const sealing = { seal: new Seal(key), workFolder: workFolder as string }
  const write = (text: string) => async (folder: string) => {
    for (const file of ['a', 'b']) writeFileSync(path.join(folder, file), `${text} ${file}`)
  }
  const image = await writeImage(sealing, one as string, write('first'))
  await writeImage(sealing, two as string, write('second'))
  expect(readdirSync(workFolder as string)).toEqual([])
  const names = await readImage(sealing, one as string, image, async (folder) =>
    readdirSync(folder),
  )
  expect(names).toEqual(['a', 'b'])
  expect(readdirSync(workFolder as string)).toEqual([])
  // An image of another session in its place does not open, and leaves nothing.
  const asIs = async () => null
  await expect(readImage(sealing, two as string, image, asIs)).rejects.toThrow(SealBroken)
  await expect(
    writeImage(sealing, one as string, async () => {
      throw new Error('no')
    }),
  ).rejects.toThrow('no')
  expect(readdirSync(workFolder as string)).toEqual([])
})
