import { generateKeyPairSync, type KeyObject, sign } from 'node:crypto'
import { mkdtempSync, rmSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import path from 'node:path'
import { afterAll, beforeAll, beforeEach, describe, expect, test } from 'vitest'
import { ApiKeys } from '../../src/api/api-keys.ts'
import { UserTokens } from '../../src/api/user-tokens.ts'
import { readConfig } from '../../src/config.ts'
import { FakeRuns, openDoors, outcomeWith } from '../support/door.ts'

/** Tokens of LibreChat's users, as LibreChat mints them. */
const ed = generateKeyPairSync('ed25519')
const rsa = generateKeyPairSync('rsa', { modulusLength: 2048 })
const pem = String(ed.publicKey.export({ type: 'spki', format: 'pem' }))
const NOW = 1_700_000_000
const KID = 'lc-codeapi-2026-05'

const claims = (more: object = {}, now = NOW) => ({
  ...{ iss: 'librechat', aud: 'codeapi', sub: 'user-1', tenant_id: 'legacy', role: 'USER' },
  ...{ principal_source: 'librechat_jwt', jti: 'x', auth_context_hash: 'y' },
  ...{ iat: now, nbf: now, exp: now + 300 },
  ...more,
})
const part = (value: unknown) => Buffer.from(JSON.stringify(value)).toString('base64url')
const mint = (
  body: object,
  {
    alg = 'EdDSA',
    key = ed.privateKey as KeyObject,
    kid = KID,
    digest = null as string | null,
  } = {},
) => {
  const signed = `${part({ alg, typ: 'JWT', kid })}.${part(body)}`
  return `${signed}.${sign(digest, Buffer.from(signed), key).toString('base64url')}`
}
const tokens = UserTokens.parse(pem) as UserTokens
const userOf = (token: string, at = NOW + 1, by = tokens) => by.userOf(token, at * 1000)

describe('a token', () => {
  test('names its user and what users share', () => {
    expect(userOf(mint(claims()))).toEqual({
      caller: 'librechat:legacy:user-1',
      shared: 'librechat:legacy',
    })
    expect(userOf(mint(claims({ tenant_id: undefined })))?.shared).toBe('librechat:legacy')
    expect(userOf(mint(claims({ aud: ['other', 'codeapi'] })))).not.toBeNull()
    // What cannot stand in a log is a digest.
    const strange = userOf(mint(claims({ sub: 'a:b\n' })))
    expect(strange?.caller).toMatch(/^librechat:legacy:[0-9a-f]{40}$/)
  })

  test.each<[string, object]>([
    ['of another issuer', { iss: 'other' }],
    ['for another', { aud: 'other' }],
    ['that has ended', { iat: NOW - 400, nbf: NOW - 400, exp: NOW - 100 }],
    ['that begins later', { nbf: NOW + 100 }],
    ['that lives too long', { exp: NOW + 1000 }],
    ['without an end', { exp: undefined }],
    ['without a user', { sub: '' }],
    ['whose tenant is no text', { tenant_id: 1 }],
  ])('%s is not valid', (_name, more) => {
    expect(userOf(mint(claims(more)))).toBeNull()
  })

  test('of another key, another algorithm or none is not valid', () => {
    const other = generateKeyPairSync('ed25519').privateKey
    expect(userOf(mint(claims(), { key: other }))).toBeNull()
    expect(
      userOf(mint(claims(), { alg: 'RS256', key: rsa.privateKey, digest: 'sha256' })),
    ).toBeNull()
    for (const alg of ['none', 'HS256', 'toString']) {
      expect(userOf(`${part({ alg })}.${part(claims())}.`)).toBeNull()
    }
    const [head, , signature] = mint(claims()).split('.')
    expect(userOf(`${head}.${part(claims({ sub: 'admin' }))}.${signature}`)).toBeNull()
    for (const text of ['', '.', '..', 'a.b.c', 'a.b', `${'a'.repeat(20_000)}.b.c`]) {
      expect(userOf(text)).toBeNull()
    }
  })

  test('is checked by the key of a set that it names', () => {
    const jwk = (key: KeyObject, kid?: string) => ({ ...key.export({ format: 'jwk' }), kid })
    const keys = [jwk(ed.publicKey, KID), jwk(rsa.publicKey, 'rsa'), jwk(rsa.publicKey)]
    const set = UserTokens.parse(JSON.stringify({ keys })) as UserTokens
    expect(userOf(mint(claims()), NOW, set)).not.toBeNull()
    const by = { alg: 'RS256', key: rsa.privateKey, digest: 'sha256' }
    expect(userOf(mint(claims(), { ...by, kid: 'rsa' }), NOW, set)).not.toBeNull()
    expect(userOf(mint(claims(), { ...by, kid: 'other' }), NOW, set)).toBeNull()
    expect(userOf(mint(claims(), { ...by, kid: 'rsa', alg: 'EdDSA' }), NOW, set)).toBeNull()
  })
})

test('only public keys that can sign tokens are taken', () => {
  const secret = String(ed.privateKey.export({ type: 'pkcs8', format: 'pem' }))
  for (const text of ['', 'x', '{"keys": []}', '{}', secret]) {
    expect(UserTokens.parse(text)).toMatchObject({ wrong: expect.any(String) })
  }
})

describe('the setting', () => {
  const folder = mkdtempSync(path.join(tmpdir(), 'user-tokens-'))
  const file = path.join(folder, 'key.pem')
  const name = 'EXECUTOR_MANAGER_LIBRECHAT_JWT_KEY'
  beforeAll(() => writeFileSync(file, pem))
  afterAll(() => rmSync(folder, { recursive: true }))

  test('is a file with a key', () => {
    expect(readConfig({ [name]: file }).userTokens).toBeInstanceOf(UserTokens)
    expect(() => readConfig({ [name]: `${file}.no` })).toThrow(name)
    writeFileSync(path.join(folder, 'bad'), 'x')
    expect(() => readConfig({ [name]: path.join(folder, 'bad') })).toThrow('is neither')
  })

  test('does not go with pools for each key', () => {
    const env = { EXECUTOR_MANAGER_SNAPSHOTS_PER_KEY: 'true' }
    const keys = { EXECUTOR_MANAGER_API_KEYS: 'a:a-key-of-the-tests' }
    expect(() => readConfig({ ...env, ...keys, [name]: file })).toThrow('has pools for keys only')
  })
})

describe.each([true, false])("LibreChat's door, with keys set: %s", (hasKeys) => {
  const KEY = 'a-key-of-the-tests'
  const runs = new FakeRuns()
  let door: Awaited<ReturnType<typeof openDoors>>
  beforeAll(async () => {
    const keys = hasKeys ? { keys: ApiKeys.parse(`one:${KEY}`) as ApiKeys } : {}
    door = await openDoors(runs, { userTokens: tokens, ...keys })
  })
  afterAll(() => door.close())
  beforeEach(() => {
    runs.requests.length = 0
    runs.end = async () => outcomeWith()
  })
  const token = (sub: string) => mint(claims({ sub }, Math.floor(Date.now() / 1000)))
  const ask = async (path: string, headers: object, body?: object | FormData) => {
    const isForm = body instanceof FormData
    const answer = await fetch(`${door.url}${path}`, {
      method: body ? 'POST' : 'GET',
      headers: { ...(isForm ? {} : { 'content-type': 'application/json' }), ...headers },
      ...(body ? { body: isForm ? body : JSON.stringify(body) } : {}),
    })
    const text = await answer.text()
    // biome-ignore lint/suspicious/noExplicitAny: tests look into it
    const value: any = /^[[{]/.test(text) ? JSON.parse(text) : text
    return { status: answer.status, value }
  }
  const bearer = (text: string) => ({ authorization: `Bearer ${text}` })
  const exec = (headers: object, files: object[] = []) =>
    ask('/librechat/v1/exec', headers, { lang: 'py', code: 'x', files })

  test('each user is a caller', async () => {
    await exec(bearer(token('ann')))
    await exec(bearer(token('bob')))
    const callers = runs.requests.map(({ caller }) => caller)
    expect(callers).toEqual(['librechat:legacy:ann', 'librechat:legacy:bob'])
  })

  test('a wrong token, and none, are refused in its words', async () => {
    const wrong = await exec(bearer(`${token('ann')}x`))
    expect(wrong).toEqual({ status: 401, value: { error: 'Invalid bearer token' } })
    const none = await exec({})
    expect(none.status).toBe(401)
    if (!hasKeys) expect(none.value).toEqual({ error: 'Bearer token is required' })
    else expect((await exec({ 'x-api-key': KEY })).status).toBe(200)
    expect((await ask('/librechat/health', {})).status).toBe(200)
    expect(runs.requests).toHaveLength(hasKeys ? 1 : 0)
  })

  test('opens no other door', async () => {
    const body = { language: 'python', code: 'x' }
    const answer = await ask('/v1/runs', bearer(token('ann')), body)
    expect(answer.status).toBe(hasKeys ? 401 : 200)
    expect(runs.requests.map(({ caller }) => caller)).toEqual(hasKeys ? [] : ['127.0.0.1'])
  })

  test("files are their user's, but for those of agents and skills", async () => {
    const upload = async (kind: string) => {
      const form = new FormData()
      form.set('kind', kind)
      form.set('id', 'x')
      form.append('file', new Blob(['1,2']), 'a.csv')
      const { value } = await ask('/librechat/v1/upload', bearer(token('ann')), form)
      return { session: value.storage_session_id, id: value.files[0].fileId as string }
    }
    const read = (who: string, { session, id }: { session: string; id: string }, kind: string) =>
      ask(`/librechat/v1/download/${session}/${id}?kind=${kind}&id=x`, bearer(token(who)))
    const own = await upload('user')
    expect((await read('ann', own, 'user')).value).toBe('1,2')
    expect((await read('bob', own, 'user')).status).toBe(404)
    const agents = await upload('agent')
    expect((await read('bob', agents, 'agent')).value).toBe('1,2')
    const given = {
      id: agents.id,
      name: 'a.csv',
      storage_session_id: agents.session,
      kind: 'agent',
    }
    await exec(bearer(token('bob')), [given])
    expect(runs.requests[0]?.files).toMatchObject([{ path: 'a.csv' }])
  })
})
