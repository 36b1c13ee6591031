import { afterAll, beforeAll, describe, expect, test } from 'vitest'
import { sandboxIdOf, sessionIdOf } from '../../src/api/e2b/ids.ts'
import type { LocalSessions } from '../../src/sessions/local-sessions.ts'
import { ANN, BOB, fakeSessions, openE2b } from '../support/e2b.ts'

/** What E2B's clients make sandboxes by, over sandboxes that run nothing. */
const fake = fakeSessions()
let sessions: LocalSessions
let door: Awaited<ReturnType<typeof openE2b>>

beforeAll(async () => {
  sessions = fake.open()
  door = await openE2b(sessions)
})
afterAll(async () => {
  await door.close()
  await sessions.stop()
  fake.remove()
})

const make = async (body: object = {}, key = ANN, headers = {}) => {
  const asked = { key, body: { templateID: 'base', ...body }, headers }
  return door.ask('POST', '/v2/sandboxes', asked)
}
const made = async (body: object = {}, key = ANN) => (await make(body, key)).value
const health = async (id: string) => {
  const headers = { 'e2b-sandbox-id': id, 'e2b-sandbox-port': '49983' }
  return (await door.ask('GET', '/health', { key: null, headers })).status
}
const info = async (id: string) => (await door.ask('GET', `/sandboxes/${id}`)).value

test('ids are those of sessions, in letters that hosts have', () => {
  for (const id of ['AAAAAAAAAAAAAAAAAAAA', '____________________', 'aB3-_xYz0123456789AB']) {
    expect(sandboxIdOf(id)).toMatch(/^i[a-z2-7]{24}$/)
    expect(sessionIdOf(sandboxIdOf(id))).toBe(id)
  }
  for (const id of ['', 'i', 'nonexistingsandbox', `i${'8'.repeat(24)}`, '../../etc']) {
    expect(sessionIdOf(id)).toBe(null)
  }
})

describe('a sandbox', () => {
  test.each(['/sandboxes', '/v2/sandboxes'])('is made: %s', async (path) => {
    const asked = { body: { templateID: 'base', metadata: {}, envVars: {}, timeout: 60 } }
    const { status, value } = await door.ask('POST', path, asked)
    expect(status).toBe(201)
    expect(value).toMatchObject({
      sandboxID: expect.stringMatching(/^i[a-z2-7]{24}$/),
      templateID: 'base',
      alias: 'base',
      clientID: expect.any(String),
      envdVersion: expect.stringMatching(/^0\.6\.\d+$/),
      envdAccessToken: expect.stringMatching(/^[\da-f]{48}$/),
      trafficAccessToken: expect.stringMatching(/^[\da-f]{48}$/),
      domain: null,
    })
    expect(value.envdAccessToken).not.toBe(value.trafficAccessToken)
    const told = await info(value.sandboxID)
    const { startedAt, endAt } = told
    expect(told).toMatchObject({
      state: 'running',
      cpuCount: expect.any(Number),
      memoryMB: expect.any(Number),
      diskSizeMB: expect.any(Number),
      metadata: {},
      allowInternetAccess: null,
      lifecycle: { onTimeout: 'kill', autoResume: false },
    })
    expect(Date.parse(endAt) - Date.parse(startedAt)).toBe(60_000)
    expect(await health(value.sandboxID)).toBe(204)
    expect((await door.ask('DELETE', `/sandboxes/${value.sandboxID}`)).status).toBe(204)
    expect((await door.ask('DELETE', `/sandboxes/${value.sandboxID}`)).status).toBe(404)
    expect(await health(value.sandboxID)).toBe(502)
  })

  test('lives for 300 s where its client says nothing, and is found by its metadata', async () => {
    const { sandboxID } = await made({ metadata: { 'a b': 'c=&%d' } })
    const { startedAt, endAt } = await info(sandboxID)
    expect(Date.parse(endAt) - Date.parse(startedAt)).toBe(300_000)
    const code = encodeURIComponent
    const metadata = code(new URLSearchParams({ [code('a b')]: code('c=&%d') }).toString())
    const found = await door.ask('GET', `/v2/sandboxes?metadata=${metadata}`)
    expect(found.value.map((one: { sandboxID: string }) => one.sandboxID)).toEqual([sandboxID])
    expect((await door.ask('GET', '/v2/sandboxes?metadata=x%3Dy')).value).toEqual([])
  })

  test('lives as long as was said last; a connection never shortens it', async () => {
    const { sandboxID: id } = await made({ timeout: 600 })
    const leftS = async () => (Date.parse((await info(id)).endAt) - Date.now()) / 1000
    await door.ask('POST', `/sandboxes/${id}/connect`, { body: { timeout: 10 } })
    expect(await leftS()).toBeGreaterThan(500)
    await door.ask('POST', `/sandboxes/${id}/timeout`, { body: { timeout: 100 } })
    expect(await leftS()).toBeLessThan(101)
    await door.ask('POST', `/v2/sandboxes/${id}/connect`, { body: { timeout: 900 } })
    expect(await leftS()).toBeGreaterThan(800)
    await door.ask('POST', `/sandboxes/${id}/refreshes`, { body: { duration: 2000 } })
    expect(await leftS()).toBeGreaterThan(1900)
    await door.ask('POST', `/sandboxes/${id}/timeout`, { body: { timeout: 0 } })
    await expect.poll(() => health(id), { timeout: 30_000 }).toBe(502)
    expect((await door.ask('GET', `/sandboxes/${id}`)).status).toBe(404)
  })

  test('is paused until a client connects, and has its tokens still', async () => {
    const { sandboxID: id, envdAccessToken } = await made()
    expect((await door.ask('POST', `/sandboxes/${id}/pause`, { body: {} })).status).toBe(204)
    expect((await door.ask('POST', `/sandboxes/${id}/pause`)).status).toBe(409)
    expect((await info(id)).state).toBe('paused')
    expect(await health(id)).toBe(502)
    const connected = await door.ask('POST', `/v2/sandboxes/${id}/connect`, { body: {} })
    expect([connected.status, connected.value.envdAccessToken]).toEqual([201, envdAccessToken])
    expect((await door.ask('POST', `/sandboxes/${id}/connect`)).status).toBe(200)
    expect((await door.ask('POST', `/sandboxes/${id}/resume`)).status).toBe(409)
    expect(await health(id)).toBe(204)
  })

  test('is paused at its end where its client said so, and woken by use where it said so', async () => {
    const still = await made({ timeout: 0, autoPause: true })
    const wakes = await made({ timeout: 0, autoPause: true, autoResume: { enabled: true } })
    const state = async (id: string) => (await info(id)).state
    for (const { sandboxID } of [still, wakes]) {
      await expect.poll(() => state(sandboxID), { timeout: 30_000 }).toBe('paused')
      // Whether it runs is no use of it.
      expect(await health(sandboxID)).toBe(502)
      const headers = { 'e2b-sandbox-id': sandboxID, 'e2b-sandbox-port': '3000' }
      const use = door.ask('GET', '/', { key: null, headers })
      // Nothing listens there, and the fake sandbox has nobody to say so.
      void use.catch(() => {})
    }
    await expect.poll(() => state(wakes.sandboxID), { timeout: 30_000 }).toBe('running')
    expect(await state(still.sandboxID)).toBe('paused')
  })

  test('is there after a restart of the service, with its tokens', async () => {
    const { sandboxID: id, envdAccessToken } = await made({ metadata: { kept: 'yes' } })
    await door.ask('POST', `/sandboxes/${id}/pause`)
    await door.close()
    await sessions.stop()
    sessions = fake.open()
    door = await openE2b(sessions)
    const told = await info(id)
    expect(told).toMatchObject({ state: 'paused', metadata: { kept: 'yes' } })
    const connected = await door.ask('POST', `/sandboxes/${id}/connect`)
    expect([connected.status, connected.value.envdAccessToken]).toEqual([201, envdAccessToken])
  })
})

test('lists are cut into pages, newest first or oldest first', async () => {
  const metadata = { list: 'of-pages' }
  const ids: string[] = []
  for (let at = 0; at < 3; at++) ids.push((await made({ metadata })).sandboxID)
  await door.ask('POST', `/sandboxes/${ids[1]}/pause`)
  const all = async (query: string) => {
    const found: string[] = []
    let next = ''
    do {
      const path = `/v2/sandboxes?metadata=list%3Dof-pages&limit=1${query}${next}`
      const { value, headers } = await door.ask('GET', path)
      found.push(...value.map(({ sandboxID }: { sandboxID: string }) => sandboxID))
      next = headers['x-next-token'] ? `&nextToken=${headers['x-next-token']}` : ''
    } while (next !== '')
    return found
  }
  const newest = await all('')
  expect([...newest].sort()).toEqual([...ids].sort())
  expect(await all('&order=asc')).toEqual([...newest].reverse())
  expect(await all('&state=paused')).toEqual([ids[1]])
  expect((await all('&state=running,paused')).length).toBe(3)
  expect((await all('&template=base')).length).toBe(3)
  expect(await all('&template=other')).toEqual([])
  expect(await all(`&startedAfter=${new Date(Date.now() + 1000).toISOString()}`)).toEqual([])
  for (const query of ['state=x', 'limit=0', 'order=x', 'startedAfter=x', 'nextToken=x']) {
    const { status, value } = await door.ask('GET', `/v2/sandboxes?${query}`)
    expect([status, value.code]).toEqual([400, 400])
  }
  for (const id of ids) await door.ask('DELETE', `/sandboxes/${id}`)
})

test('a request that is sent again makes no other sandbox', async () => {
  const headers = { 'idempotency-key': 'once' }
  const both = await Promise.all([make({}, ANN, headers), make({}, ANN, headers)])
  const [id, ...others] = new Set(both.map(({ value }) => value.sandboxID))
  expect(others).toEqual([])
  expect((await make({}, ANN, headers)).value.sandboxID).toBe(id)
  expect((await make({ timeout: 7 }, ANN, headers)).status).toBe(422)
  expect((await make({}, BOB, headers)).value.sandboxID).not.toBe(id)
})

test('a client with as many sandboxes as it may have is told so at once', async () => {
  const few = fakeSessions(1)
  const own = few.open()
  const narrow = await openE2b(own)
  const create = () => narrow.ask('POST', '/sandboxes', { body: { templateID: 'base' } })
  expect((await create()).status).toBe(201)
  const { status, headers, value } = await create()
  expect([status, headers['should-retry'], headers['retry-after']]).toEqual([
    429,
    'false',
    undefined,
  ])
  expect(value.message).toContain('1 sessions')
  await narrow.close()
  await own.stop()
  few.remove()
})

test('what is not there or not supported is refused in words', async () => {
  const { sandboxID: id } = await made()
  const cases: [method: string, path: string, body: object, status: number][] = [
    ['POST', '/sandboxes', {}, 400],
    ['POST', '/sandboxes', { templateID: 'base', timeout: -1 }, 400],
    ['POST', '/sandboxes', { templateID: 'base', volumeMounts: [{ name: 'a', path: '/b' }] }, 400],
    ['POST', '/sandboxes', { templateID: 'base', autoPauseMemory: false }, 400],
    ['POST', '/sandboxes', { templateID: 'httpbin' }, 404],
    ['POST', '/sandboxes/nonexistingsandbox/timeout', { timeout: 1 }, 404],
    ['POST', `/sandboxes/${id}/pause`, { memory: false }, 400],
    ['POST', '/v3/templates', {}, 501],
    ['GET', '/templates/aliases/nothing', {}, 404],
  ]
  for (const [method, path, body, status] of cases) {
    const answer = await door.ask(method, path, method === 'GET' ? {} : { body })
    expect([path, answer.status]).toEqual([path, status])
    expect(answer.value).toEqual({ code: status, message: expect.any(String) })
  }
  expect((await door.ask('GET', '/templates/aliases/base')).value.templateID).toBe('base')
  expect((await door.ask('GET', '/templates')).value.length).toBeGreaterThan(2)
  expect((await door.ask('GET', '/sandboxes', { key: 'wrong' })).value.code).toBe(401)
})

test('what a sandbox uses is told for the time that is asked for', async () => {
  const { sandboxID: id } = await made()
  const now = Math.floor(Date.now() / 1000)
  const samples = async (query: string) =>
    (await door.ask('GET', `/sandboxes/${id}/metrics${query}`)).value
  const [sample] = await samples(`?start=${now - 60}&end=${now + 60}`)
  expect(Object.keys(sample).sort()).toEqual([
    'cpuCount',
    'cpuUsedPct',
    'diskTotal',
    'diskUsed',
    'memCache',
    'memTotal',
    'memUsed',
    'timestamp',
    'timestampUnix',
  ])
  expect(await samples(`?start=${now - 3600}&end=${now - 1800}`)).toEqual([])
  const { sandboxes } = (await door.ask('GET', `/sandboxes/metrics?sandbox_ids=${id},x`)).value
  expect(Object.keys(sandboxes)).toEqual([id])
  await door.ask('DELETE', `/sandboxes/${id}`)
})

test('a sandbox is never said to be cut off that is not', async () => {
  const { sandboxID: id } = await made()
  const cut = { allow_internet_access: false }
  expect((await door.ask('PUT', `/sandboxes/${id}/network`, { body: cut })).status).toBe(204)
  expect((await info(id)).allowInternetAccess).toBe(false)
  const egress = { policy: null, nameServers: [] }
  const open = await openE2b(sessions, { egress })
  const refused = { status: 501 }
  const makes = (body: object) =>
    open.ask('POST', '/sandboxes', { body: { templateID: 'base', ...body } })
  for (const network of [
    { denyOut: ['8.8.8.8'] },
    { denyOut: ['0.0.0.0/0'], allowOut: ['1.1.1.1'] },
  ]) {
    expect(await makes({ network })).toMatchObject(refused)
  }
  for (const body of [cut, { network: { denyOut: ['0.0.0.0/0'] } }]) {
    const { status, value } = await makes(body)
    expect(status).toBe(201)
    expect((await info(value.sandboxID)).allowInternetAccess).toBe(false)
    const snapshot = await open.ask('POST', `/sandboxes/${value.sandboxID}/snapshots`)
    const { value: copy } = await makes({ templateID: snapshot.value.snapshotID })
    expect((await info(copy.sandboxID)).allowInternetAccess).toBe(false)
    await open.ask('DELETE', `/templates/${snapshot.value.snapshotID}`)
    for (const one of [value, copy]) await open.ask('DELETE', `/sandboxes/${one.sandboxID}`)
  }
  const put = open.ask('PUT', `/sandboxes/${id}/network`, { body: { denyOut: ['8.8.8.8'] } })
  expect(await put).toMatchObject(refused)
  await open.close()
})
