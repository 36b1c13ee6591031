import { mkdtempSync, rmSync } from 'node:fs'
import { tmpdir } from 'node:os'
import path from 'node:path'
import { afterAll, beforeAll, expect, test } from 'vitest'
import { openApiDocument } from '../../src/api/v1/openapi.ts'
import { LocalSessions } from '../../src/sessions/local-sessions.ts'
import { Shelf } from '../../src/sessions/shelf.ts'
import { type Doors, FakeRuns, KEY, keys, OTHER, openDoors } from '../support/door.ts'
import { FakeSandboxes } from '../support/fake-sandboxes.ts'
import { ENDLESS_PLACES } from '../support/places.ts'
import { templatesOf } from '../support/session-templates.ts'

/** What a request needs in its body or query to get as far as the session; by the end of its path. */
const BODIES: Readonly<Record<string, object | string>> = {
  'PATCH /v1/sessions/{id}': { ttl_ms: 1000 },
  '/commands': { command: 'true' },
  '/stdin': { text: 'x' },
  '/signal': { signal: 'SIGKILL' },
  '/runs': { code: '1' },
  '/contexts': { language: 'bash' },
  '/folders': { path: 'x' },
  '/moves': { from: 'x', to: 'y' },
  '/signed-urls': { path: 'x' },
  '/files/{path}': 'evil',
  '/archive': 'evil',
}

const home = mkdtempSync(path.join(tmpdir(), 'session-strangers-'))
let sessions: LocalSessions
let doors: Doors
let id: string
let snapshot: string

beforeAll(async () => {
  sessions = new LocalSessions(
    templatesOf(new Map([['fake', new FakeSandboxes()]])),
    ENDLESS_PLACES,
    new Shelf(path.join(home, 'sessions'), true),
    { perCaller: 20, inAll: 100, saveEveryMs: null },
    { changed: () => {}, notWritten: () => {} },
  )
  doors = await openDoors(new FakeRuns(), { keys }, {}, undefined, sessions)
  const idle = { freezeMs: null, hibernateMs: null }
  const request = { caller: 'one', template: 'fake', env: {}, metadata: {}, idle, ttlMs: 1e9 }
  id = (await sessions.create(request)).id
  snapshot = (await sessions.snapshot('one', id))?.id as string
})
afterAll(async () => {
  await doors.close()
  await sessions.stop()
  rmSync(home, { recursive: true })
})

type Paths = Record<string, Record<string, unknown>>
const METHODS = ['get', 'put', 'post', 'patch', 'delete']
const routes = Object.entries(openApiDocument('0').paths as Paths)
  .filter(([route]) => /^\/v1\/(sessions|snapshots)\/\{/.test(route))
  .flatMap(([route, item]) =>
    METHODS.filter((method) => method in item).map(
      (method) => [method.toUpperCase(), route] as const,
    ),
  )

function ask(method: string, route: string, key: string | null): Promise<Response> {
  const isSnapshot = route.startsWith('/v1/snapshots')
  const address = route
    .replace(/\{(session|snapshot|id)\}/, isSnapshot ? snapshot : id)
    .replace(/\{port\}/, '80')
    .replace(/\{\w+\}/g, 'x')
  const end = Object.keys(BODIES).find(
    (name) => `${method} ${route}` === name || route.endsWith(name),
  )
  const body = method === 'GET' || method === 'DELETE' ? null : (BODIES[end ?? ''] ?? {})
  const isText = typeof body === 'string'
  return fetch(doors.url + address, {
    method,
    headers: {
      ...(key && { authorization: `Bearer ${key}` }),
      ...(body && { 'content-type': isText ? 'application/octet-stream' : 'application/json' }),
    },
    ...(body && { body: isText ? body : JSON.stringify(body) }),
  })
}

test('the description tells of all verbs', () => {
  expect(routes.length).toBeGreaterThan(30)
})

test.each(routes)(
  '%s %s is answered 404 to another caller, and 401 to nobody',
  async (method, route) => {
    const before = JSON.stringify([sessions.list('one'), sessions.snapshots('one')])
    const stranger = await ask(method, route, OTHER)
    // A WebSocket is asked for as such first.
    const expected = route.endsWith('/terminal') ? [404, 426] : [404]
    expect(expected, await stranger.text()).toContain(stranger.status)
    const nobody = await ask(method, route, null)
    await nobody.text()
    expect(nobody.status).toBe(401)
    expect(JSON.stringify([sessions.list('one'), sessions.snapshots('one')])).toBe(before)
    expect([sessions.list('two'), sessions.snapshots('two')]).toEqual([[], []])
  },
)

test('its owner is let in', async () => {
  const answer = await ask('GET', '/v1/sessions/{id}', KEY)
  expect(answer.status).toBe(200)
  expect(await answer.json()).toMatchObject({ id, state: 'ready' })
})
