import { createHash } from 'node:crypto'
import { afterAll, beforeAll, expect, test } from 'vitest'
import { matcherOf, type SignedFile, signatureOf } from '../../src/api/e2b/signature.ts'
import { MOST_FAILED, SignatureTries } from '../../src/api/e2b/signature-tries.ts'
import type { LocalSessions } from '../../src/sessions/local-sessions.ts'
import { fakeSessions, openE2b } from '../support/e2b.ts'

/** Signed addresses of files: what they open, over a sandbox that runs nothing. */
const fake = fakeSessions()
let sessions: LocalSessions
let door: Awaited<ReturnType<typeof openE2b>>
let token = ''
let id = ''

beforeAll(async () => {
  sessions = fake.open()
  door = await openE2b(sessions)
  const { value } = await door.ask('POST', '/sandboxes', { body: { templateID: 'base' } })
  token = value.envdAccessToken
  id = value.sandboxID
})
afterAll(async () => {
  await door.close()
  await sessions.stop()
  fake.remove()
})

const soon = () => Math.floor(Date.now() / 1000) + 600
const query = ({ path, username, expiresAtS }: SignedFile, signature: string) =>
  `/files?${new URLSearchParams({
    path,
    ...(username !== '' && { username }),
    signature,
    ...(expiresAtS !== null && { signature_expiration: String(expiresAtS) }),
  })}`
const ask = async (method: string, address: string, headers = {}) => {
  const { status, value } = await door.ask(method, address, { key: null, headers })
  return [status, value?.message]
}

const file: SignedFile = { path: 'a/b.txt', operation: 'read', username: '', expiresAtS: null }
const wrong = [401, 'invalid signature']

test('the signature is that of the clients', () => {
  // sha256("a:read:user:token:1700000000"), as their source makes it.
  const signed = {
    path: 'a',
    operation: 'read',
    username: 'user',
    expiresAtS: 1_700_000_000,
  } as const
  expect(signatureOf(signed, 'token')).toMatch(/^v1_[A-Za-z0-9+/]{43}$/)
  expect(signatureOf(signed, 'token')).not.toBe(
    signatureOf({ ...signed, expiresAtS: null }, 'token'),
  )
})

test.each([true, false])(
  'an altered address opens nothing; names its sandbox: %s',
  async (isNamed) => {
    const headers = isNamed ? { 'e2b-sandbox-id': id, 'e2b-sandbox-port': '49983' } : {}
    const altered: SignedFile[] = [
      { ...file, path: 'a/c.txt' },
      { ...file, path: '/etc/passwd' },
      { ...file, username: 'root' },
      { ...file, expiresAtS: soon() },
    ]
    const signature = signatureOf(file, token)
    for (const other of altered) {
      expect(await ask('GET', query(other, signature), headers)).toEqual(wrong)
    }
    expect(await ask('POST', query(file, signature), headers)).toEqual(wrong)
    for (const other of [
      'v1_',
      'x',
      signature.slice(0, -1),
      `${signature}=`,
      signature.toUpperCase(),
    ]) {
      expect(await ask('GET', query(file, other), headers)).toEqual(wrong)
    }
    expect(await ask('GET', query(file, signatureOf(file, `${token}0`)), headers)).toEqual(wrong)
    const late = { ...file, expiresAtS: 1_700_000_000 }
    const expired = [401, 'signature is already expired']
    expect(await ask('GET', query(late, signatureOf(late, token)), headers)).toEqual(expired)
    const never = { ...file, expiresAtS: Number.NaN }
    expect((await ask('GET', query(never, signatureOf(never, token)), headers))[0]).toBe(401)
  },
)

test('nothing is opened by a signature of a sandbox that is paused or gone', async () => {
  const { value } = await door.ask('POST', '/sandboxes', { body: { templateID: 'base' } })
  const address = query(file, signatureOf(file, value.envdAccessToken))
  await door.ask('POST', `/sandboxes/${value.sandboxID}/pause`)
  expect(await ask('GET', address)).toEqual(wrong)
  await door.ask('DELETE', `/sandboxes/${value.sandboxID}`)
  expect(await ask('GET', address)).toEqual(wrong)
})

test('a matcher knows the signature of each token, and no text that is none', () => {
  const late = { ...file, path: 'é'.repeat(5000), expiresAtS: 1_800_000_000 }
  for (const one of [file, late]) {
    const end = one.expiresAtS === null ? '' : `:${one.expiresAtS}`
    const digest = createHash('sha256').update(`${one.path}:read::${token}${end}`).digest('base64')
    expect(signatureOf(one, token)).toBe(`v1_${digest.slice(0, -1)}`)
    const matches = matcherOf(one, signatureOf(one, token))
    expect(['x', token, '', `${token}0`, token].map((tried) => matches?.(tried))).toEqual([
      ...[false, true, false, false, true],
    ])
  }
  const signature = signatureOf(file, token)
  for (const none of ['', 'v1_', signature.slice(1), `${signature}=`, ` ${signature}`, 'v1_é']) {
    expect(matcherOf(file, none)).toBeNull()
  }
})

test('addresses that are remembered have a bound, and each its own count', () => {
  const tries = new SignatureTries()
  for (let index = 0; index < MOST_FAILED; index++) tries.addFailed('first')
  expect(tries.waitOf('first')).toBeGreaterThan(0)
  expect(tries.waitOf('second')).toBe(0)
  for (let index = 0; index < 5000; index++) tries.addFailed(`other-${index}`)
  expect(tries.waitOf('first')).toBe(0)
})

test('signatures that fit no sandbox are tried so often, and refused then', async () => {
  const none = signatureOf(file, 'of no sandbox')
  // Texts that are no signature are not counted: nothing is tried with them.
  for (let index = 0; index < MOST_FAILED; index++) {
    expect((await ask('GET', query(file, 'x')))[0]).toBe(401)
  }
  const statuses = new Set<unknown>()
  for (let round = 0; round < 40 && !statuses.has(429); round++) {
    const asked = Array.from({ length: 50 }, () => ask('GET', query(file, none)))
    for (const [status] of await Promise.all(asked)) statuses.add(status)
  }
  expect(statuses).toEqual(new Set([401, 429]))
  const headers = { 'e2b-sandbox-id': id, 'e2b-sandbox-port': '49983' }
  // One that names its sandbox is tried with that alone.
  expect(await ask('GET', query(file, none), headers)).toEqual(wrong)
})
