import { createServer, request as httpRequest, type IncomingMessage } from 'node:http'
import { type AddressInfo, connect } from 'node:net'
import { afterAll, beforeAll, expect, test } from 'vitest'
import { ApiKeys } from '../../src/api/api-keys.ts'
import { sandboxIdOf } from '../../src/api/e2b/ids.ts'
import type { Sessions } from '../../src/sessions/types.ts'
import { type Doors, FakeRuns, openDoors } from '../support/door.ts'

/** What a server inside of a sandbox sees of a request: nothing that opens more than this server. */
const KEY = 'a-secret-key-of-the-tests'
const SESSION = 'abcdefghijklmnopqrst'
const ID = sandboxIdOf(SESSION)
const [ACCESS, TRAFFIC] = ['access-token-of-the-tests', 'traffic-token-of-the-tests']
const DOMAIN = 'sandbox.test'

let doors: Doors
let seen: IncomingMessage
const inside = createServer((request, response) => {
  seen = request
  response.end()
})

beforeAll(async () => {
  await new Promise<void>((resolve) => inside.listen(0, '127.0.0.1', resolve))
  const { port } = inside.address() as AddressInfo
  const note = { door: 'e2b', accessToken: ACCESS, trafficToken: TRAFFIC, isPublic: true }
  const info = { id: SESSION, state: 'ready', isPaused: false, note }
  const channels = { connect: async () => connect(port, '127.0.0.1') }
  const ended = new AbortController().signal
  const known: Partial<Sessions> = {
    ownerOf: (id) => (id === SESSION ? 'one' : null),
    get: (_caller, id) => (id === SESSION ? (info as never) : null),
    use: async () => ({ channels, ended, release: () => {} }) as never,
  }
  const settings = { keys: ApiKeys.parse(`one:${KEY}`) as ApiKeys, sandboxDomain: DOMAIN }
  doors = await openDoors(new FakeRuns(), settings, {}, undefined, known as Sessions)
})
afterAll(async () => {
  await doors.close()
  inside.close()
})

async function get(path: string, headers: Record<string, string>): Promise<string> {
  const { port } = new URL(doors.url)
  const sent = httpRequest({ host: '127.0.0.1', port, path, headers, agent: false })
  sent.end()
  const { statusCode } = await new Promise<IncomingMessage>((resolve, reject) => {
    sent.once('response', (answer) => resolve(answer.resume()))
    sent.once('error', reject)
  })
  expect(statusCode).toBe(200)
  return `${seen.url}\n${seen.rawHeaders.join('\n')}`
}

const named = { 'e2b-sandbox-id': ID, 'e2b-sandbox-port': '3000' }
const tokens = { 'e2b-traffic-access-token': TRAFFIC, 'x-access-token': ACCESS }
const host = { host: `3000-${ID}.${DOMAIN}` }

test.each([
  ['headers', named],
  ['its host', host],
])('a server of a sandbox named by %s gets no token of it', async (_name, place) => {
  const told = await get('/x?y=1', { ...place, ...tokens, ...named, 'x-own': 'it is kept' })
  expect(told).toMatch(/^\/x\?y=1\n/)
  expect(told).toContain('it is kept')
  for (const secret of [ACCESS, TRAFFIC, ID])
    expect(told.replaceAll(host.host, '')).not.toContain(secret)
  expect(told).not.toMatch(/e2b-|x-access-token/i)
})

test.each([KEY, KEY.replaceAll('-', '%2D')])(
  'a key in front of the path, %s, stays outside where headers name the sandbox',
  async (key) => {
    const told = await get(`/k/${key}/x/k/y/z`, named)
    expect(told).toMatch(/^\/x\/k\/y\/z\n/)
    for (const secret of [key, KEY]) expect(told).not.toContain(secret)
  },
)

test('under the host of a sandbox the whole path is that of its server', async () => {
  expect(await get('/k/of-the-server/x', host)).toMatch(/^\/k\/of-the-server\/x\n/)
})
