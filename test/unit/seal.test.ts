import { randomBytes } from 'node:crypto'
import { mkdtempSync, readFileSync, rmSync, statSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import path from 'node:path'
import { afterAll, expect, test } from 'vitest'
import { MIB } from '../../src/lib/units.ts'
import { Seal, SealBroken } from '../../src/sessions/seal.ts'

const folder = mkdtempSync(path.join(tmpdir(), 'seal-'))
afterAll(() => rmSync(folder, { recursive: true }))
const key = randomBytes(32)
const seal = new Seal(key)
/** Of a mark and a salt, and of a whole chunk with its tag. */
const [HEAD, CHUNK] = [36, MIB + 16]
let files = 0
const fresh = () => path.join(folder, String(++files))

test.each([0, 1, MIB - 1, MIB, MIB + 1, 3 * MIB + 5])('%i bytes come back', async (length) => {
  const plain = randomBytes(length)
  const sealed = seal.seal('a', plain)
  expect(seal.open('a', sealed).equals(plain)).toBe(true)
  if (length > 4) expect(sealed.includes(plain.subarray(0, 64))).toBe(false)
  // Files are the same thing.
  const [from, to, back] = [fresh(), fresh(), fresh()]
  writeFileSync(from, plain)
  await seal.sealFile('a', from, to)
  expect(seal.open('a', readFileSync(to)).equals(plain)).toBe(true)
  expect(statSync(to).mode & 0o777).toBe(0o600)
  await seal.openFile('a', to, back)
  expect(readFileSync(back).equals(plain)).toBe(true)
})

test('the same thing is never sealed to the same bytes', () => {
  const plain = Buffer.alloc(64)
  const [one, two] = [seal.seal('a', plain), seal.seal('a', plain)]
  expect(one.subarray(HEAD).equals(two.subarray(HEAD))).toBe(false)
})

test('whatever is changed, cut, moved or put elsewhere does not open', async () => {
  const plain = Buffer.concat([Buffer.alloc(MIB, 1), Buffer.alloc(MIB, 2), Buffer.alloc(9, 3)])
  const sealed = seal.seal('a', plain)
  const chunk = (number: number) =>
    sealed.subarray(HEAD + number * CHUNK, HEAD + (number + 1) * CHUNK)
  const head = sealed.subarray(0, HEAD)
  const flipped = (at: number) => {
    const copy = Buffer.from(sealed)
    copy[at] = (copy[at] as number) ^ 1
    return copy
  }
  const broken = {
    'the mark': flipped(0),
    'the salt': flipped(9),
    'a byte': flipped(HEAD + 5),
    'the last tag': flipped(sealed.length - 1),
    'cut in a chunk': sealed.subarray(0, sealed.length - 4),
    'cut after a chunk': Buffer.concat([head, chunk(0), chunk(1)]),
    'cut to its head': head,
    nothing: Buffer.alloc(0),
    'swapped chunks': Buffer.concat([head, chunk(1), chunk(0), chunk(2)]),
    'a chunk twice': Buffer.concat([head, chunk(0), chunk(0), chunk(1), chunk(2)]),
    'a chunk left out': Buffer.concat([head, chunk(0), chunk(2)]),
    'more at the end': Buffer.concat([sealed, chunk(2)]),
    'a chunk of another': Buffer.concat([
      head,
      seal.seal('a', plain).subarray(HEAD, HEAD + CHUNK),
      chunk(1),
      chunk(2),
    ]),
    'not sealed': plain,
  }
  for (const [what, bytes] of Object.entries(broken)) {
    expect(() => seal.open('a', bytes), what).toThrow(SealBroken)
    const from = fresh()
    writeFileSync(from, bytes)
    await expect(seal.openFile('a', from, fresh()), what).rejects.toThrow(SealBroken)
  }
  expect(() => seal.open('b', sealed)).toThrow(SealBroken)
  expect(() => new Seal(randomBytes(32)).open('a', sealed)).toThrow('sealed with another key')
  expect(new Seal(Buffer.from(key)).open('a', sealed).equals(plain)).toBe(true)
})
