import { mkdtempSync, readFileSync, rmSync, statSync } from 'node:fs'
import { tmpdir } from 'node:os'
import path from 'node:path'
import { afterAll, expect, test } from 'vitest'
import { SignedUrls, signingKey } from '../../src/api/signed-urls.ts'

const folder = mkdtempSync(path.join(tmpdir(), 'signed-urls-'))
afterAll(() => rmSync(folder, { recursive: true }))

test('a key is kept for its user alone, and each service has its own', () => {
  const [one, again, other] = ['a', 'a', 'b'].map((name) => signingKey(folder, name))
  expect(one?.equals(again as Buffer)).toBe(true)
  expect(one?.equals(other as Buffer)).toBe(false)
  const file = path.join(folder, 'signing-key')
  expect(statSync(file).mode & 0o777).toBe(0o600)
  expect(readFileSync(file).equals(one as Buffer)).toBe(false)
})

test('a signature is of one grant, until it expires', () => {
  const urls = new SignedUrls(signingKey(folder, 'a'))
  const grant = { session: 's', what: 'GET a', expiresAtMs: Date.now() + 60_000 }
  const signature = urls.sign(grant)
  expect(urls.isValid(grant, signature)).toBe(true)
  for (const altered of [
    { ...grant, session: 't' },
    { ...grant, what: 'PUT a' },
    { ...grant, expiresAtMs: grant.expiresAtMs + 1 },
    { ...grant, expiresAtMs: Number.NaN },
  ]) {
    expect(urls.isValid(altered, signature)).toBe(false)
  }
  expect(urls.isValid(grant, '')).toBe(false)
  expect(new SignedUrls(signingKey(folder, 'b')).isValid(grant, signature)).toBe(false)
  const old = { ...grant, expiresAtMs: Date.now() - 1 }
  expect(urls.isValid(old, urls.sign(old))).toBe(false)
})
