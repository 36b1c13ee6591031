import { afterAll, beforeAll, describe, expect, test } from 'vitest'
import { sandboxIdOf } from '../../src/api/e2b/ids.ts'
import type { LocalSessions } from '../../src/sessions/local-sessions.ts'
import { ANN, BOB, fakeSessions, openE2b } from '../support/e2b.ts'

/** Whose sandbox a request reaches: never that of another caller, and by a host's name its sandbox alone. */
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

const made = async (body: object = {}, key = ANN) =>
  (await door.ask('POST', '/v2/sandboxes', { key, body: { templateID: 'base', ...body } })).value
const health = async (id: string) => {
  const headers = { 'e2b-sandbox-id': id, 'e2b-sandbox-port': '49983' }
  return (await door.ask('GET', '/health', { key: null, headers })).status
}
const info = async (id: string) => (await door.ask('GET', `/sandboxes/${id}`)).value

describe("another caller's sandbox", () => {
  test('is not there, whatever is asked', async () => {
    const { sandboxID: id } = await made({ metadata: { of: 'ann' } })
    const asked: [method: string, path: string, body?: object][] = [
      ['GET', `/sandboxes/${id}`],
      ['DELETE', `/sandboxes/${id}`],
      ['POST', `/sandboxes/${id}/timeout`, { timeout: 1 }],
      ['POST', `/sandboxes/${id}/refreshes`, {}],
      ['POST', `/sandboxes/${id}/connect`, {}],
      ['POST', `/v2/sandboxes/${id}/connect`, {}],
      ['POST', `/sandboxes/${id}/resume`, {}],
      ['POST', `/sandboxes/${id}/pause`, {}],
      ['POST', `/sandboxes/${id}/fork`, {}],
      ['POST', `/sandboxes/${id}/snapshots`, {}],
      ['GET', `/sandboxes/${id}/metrics`],
      ['GET', `/sandboxes/${id}/logs`],
      ['PUT', `/sandboxes/${id}/network`, {}],
    ]
    for (const [method, path, body] of asked) {
      const { status } = await door.ask(method, path, { key: BOB, ...(body && { body }) })
      expect([method, path, status]).toEqual([method, path, 404])
    }
    expect((await door.ask('GET', '/v2/sandboxes?metadata=of%3Dann', { key: BOB })).value).toEqual(
      [],
    )
    const all = await door.ask('GET', `/sandboxes/metrics?sandbox_ids=${id}`, { key: BOB })
    expect(all.value).toEqual({ sandboxes: {} })
    expect((await info(id)).state).toBe('running')
    await door.ask('DELETE', `/sandboxes/${id}`)
  })

  test('opens to no token but its own', async () => {
    const [mine, other] = [await made(), await made({}, BOB)]
    const headers = (token: string) => ({
      'e2b-sandbox-id': mine.sandboxID,
      'e2b-sandbox-port': '49983',
      'content-type': 'application/json',
      ...(token !== '' && { 'x-access-token': token }),
    })
    for (const token of ['', 'x', other.envdAccessToken, mine.trafficAccessToken, ANN]) {
      for (const path of ['/process.Process/List', '/filesystem.Filesystem/Stat']) {
        const answer = await door.ask('POST', path, { headers: headers(token), body: {} })
        expect([path, answer.status]).toEqual([path, 401])
      }
      const read = await door.ask('GET', '/files?path=/etc/passwd', { headers: headers(token) })
      expect(read.status).toBe(401)
      const contexts = { ...headers(token), 'e2b-traffic-access-token': other.trafficAccessToken }
      expect((await door.ask('GET', '/contexts', { headers: contexts })).status).toBe(401)
    }
    for (const { sandboxID } of [mine, other]) await sessions.kill('ann', sandboxID)
  })
})

test('the hosts of sandboxes answer for their sandboxes alone', async () => {
  const own = await openE2b(sessions, { sandboxDomain: 'sandbox.test' })
  const { value } = await own.ask('POST', '/sandboxes', { body: { templateID: 'base' } })
  const { sandboxID: id, domain, envdAccessToken } = value
  expect(domain).toBe('sandbox.test')
  const at = (host: string, path: string, headers = {}) =>
    own.ask('GET', path, { headers: { host, 'x-access-token': envdAccessToken, ...headers } })
  expect((await at(`49983-${id}.sandbox.test`, '/health')).status).toBe(204)
  expect((await at(`49983-${id}.SANDBOX.test:8443`, '/health')).status).toBe(204)
  // Its name goes before what headers say.
  const headers = { 'e2b-sandbox-id': 'x', 'e2b-sandbox-port': '1' }
  expect((await at(`49983-${id}.sandbox.test`, '/health', headers)).status).toBe(204)
  const host = `49999-${id}.sandbox.test`
  for (const path of ['/sandboxes', `/sandboxes/${id}`, '/v1/sessions', '/metrics', '/', '/x']) {
    expect([path, (await at(host, path)).status]).toEqual([path, 404])
  }
  const nobody = sandboxIdOf('AAAAAAAAAAAAAAAAAAAA')
  expect((await at(`49983-${nobody}.sandbox.test`, '/health')).status).toBe(502)
  for (const port of ['0', '65536', '99999']) {
    expect((await at(`${port}-${id}.sandbox.test`, '/sandboxes')).status).toBe(200)
  }
  const body = { templateID: 'base', network: { allowPublicTraffic: false } }
  const { sandboxID, trafficAccessToken } = (await own.ask('POST', '/sandboxes', { body })).value
  const port = await at(`3000-${sandboxID}.sandbox.test`, '/')
  expect([port.status, port.value.code]).toEqual([403, 403])
  const shown = { 'e2b-traffic-access-token': `${trafficAccessToken}x` }
  expect((await at(`3000-${sandboxID}.sandbox.test`, '/', shown)).status).toBe(403)
  for (const one of [id, sandboxID]) await own.ask('DELETE', `/sandboxes/${one}`)
  await own.close()
})

test('forks and snapshots have tokens of their own', async () => {
  const first = await made({ metadata: { a: 'b' } })
  const { sandboxID: id } = first
  const forked = await door.ask('POST', `/sandboxes/${id}/fork`, { body: { count: 2 } })
  expect(forked.status).toBe(201)
  const copies = forked.value.map(({ sandbox }: { sandbox: object }) => sandbox)
  const tokens = [first, ...copies].map((one) => one.envdAccessToken)
  expect(new Set(tokens).size).toBe(3)
  for (const { sandboxID } of copies) expect(await health(sandboxID)).toBe(204)

  const body = { name: 'mine' }
  const { status, value: snapshot } = await door.ask('POST', `/sandboxes/${id}/snapshots`, { body })
  expect([status, snapshot.names]).toEqual([201, ['mine:default']])
  const listed = async (query: string) => (await door.ask('GET', `/snapshots${query}`)).value
  for (const query of ['', `?sandboxID=${id}`, '?name=mine']) {
    expect(await listed(query)).toEqual([snapshot])
  }
  for (const query of ['?sandboxID=x', '?name=x']) expect(await listed(query)).toEqual([])
  for (const templateID of [snapshot.snapshotID, 'mine', 'mine:default']) {
    const { sandboxID } = await made({ templateID })
    expect(await health(sandboxID)).toBe(204)
    await door.ask('DELETE', `/sandboxes/${sandboxID}`)
  }
  const path = `/templates/${encodeURIComponent(snapshot.snapshotID)}`
  expect((await door.ask('DELETE', path, { key: BOB })).status).toBe(404)
  expect((await door.ask('DELETE', path)).status).toBe(204)
  expect((await door.ask('DELETE', path)).status).toBe(404)
  for (const one of [first, ...copies]) await door.ask('DELETE', `/sandboxes/${one.sandboxID}`)
})
