import { request } from 'node:http'
import { connect } from 'node:net'
import { text } from 'node:stream/consumers'
import { afterAll, beforeAll, describe, expect, test } from 'vitest'
import { ApiKeys } from '../../src/api/api-keys.ts'
import type { Sessions } from '../../src/sessions/types.ts'
import { FakeRuns, openDoors } from '../support/door.ts'

/** What every front door answers to what it does not take: its own words, never those of the web framework. */
const KEY = 'a-key-of-the-tests'
const runs = new FakeRuns()
let keyed: Awaited<ReturnType<typeof openDoors>>
let open: Awaited<ReturnType<typeof openDoors>>

/** There are none. */
const sessions: Partial<Sessions> = {
  snapshots: () => [],
  templateNames: () => [],
  ofDoor: () => [],
}

beforeAll(async () => {
  const keys = ApiKeys.parse(`one:${KEY}`) as ApiKeys
  keyed = await openDoors(runs, { keys }, {}, undefined, sessions as Sessions)
  open = await openDoors(runs, {}, {}, undefined, sessions as Sessions)
})
afterAll(async () => {
  await keyed.close()
  await open.close()
})

interface Asked {
  readonly method?: string
  readonly path: string
  readonly headers?: Record<string, string>
  readonly body?: string
}

/** As it is said, without what fetch() would mend. */
async function ask(url: string, { method = 'POST', path, headers = {}, body = '' }: Asked) {
  const { port } = new URL(url)
  const sent = request({ host: '127.0.0.1', port, method, path, headers, agent: false })
  sent.on('error', () => {})
  sent.end(body)
  const answer = await new Promise<import('node:http').IncomingMessage>((resolve, reject) => {
    sent.once('response', resolve)
    sent.once('error', reject)
  })
  return { status: answer.statusCode ?? 0, headers: answer.headers, text: await text(answer) }
}

/** What comes back until the connection ends. */
async function raw(url: string, bytes: string): Promise<string> {
  const socket = connect(Number(new URL(url).port), '127.0.0.1')
  socket.on('error', () => {})
  socket.write(bytes)
  let said = ''
  socket.on('data', (chunk) => {
    said += chunk.toString('latin1')
  })
  await new Promise((resolve) => socket.once('close', resolve))
  return said
}

const json = { 'content-type': 'application/json', accept: 'application/json, text/event-stream' }
const withKey = { ...json, 'x-api-key': KEY }

interface Door {
  readonly door: string
  /** Where it runs something. */
  readonly path: string
  /** What is under its prefix, but not there. */
  readonly unknown: readonly string[]
  readonly shape: object
  /** Statuses that are others in its protocol. */
  readonly status?: Readonly<Record<number, number>>
  /** A text of a kind that it does not take, where it takes any. */
  readonly otherType?: string
}

const rpc = {
  jsonrpc: '2.0',
  id: null,
  error: { code: expect.any(Number), message: expect.any(String) },
}
const envelope = { code: expect.any(Number), message: expect.any(String), data: null }
const jupyter = { message: expect.any(String), reason: null }
const e2b = { code: expect.any(Number), message: expect.any(String) }
const librechat = { error: expect.any(String) }
const problem = { type: expect.any(String), title: expect.any(String), detail: expect.any(String) }
const DOORS: readonly Door[] = [
  {
    door: 'ragflow',
    path: '/run',
    unknown: ['/run/x', '/x', '/ragflow/x'],
    shape: { detail: expect.anything() },
    status: { 400: 422, 415: 422 },
  },
  { door: 'v1', path: '/v1/runs', unknown: ['/v1/x', '/v1/x/y'], shape: problem },
  { door: 'mcp', path: '/mcp', unknown: ['/mcp/x', '/mcp/x/y'], shape: rpc },
  {
    door: 'dify',
    path: '/v1/sandbox/run',
    unknown: ['/v1/sandbox/x', '/dify/x', '/dify/v1/sandbox/x', '/dify'],
    shape: envelope,
    status: { 413: 400, 415: 200 },
  },
  {
    door: 'jupyter',
    path: '/api/kernels',
    unknown: ['/api/x', '/api/kernels/x/y', '/jupyter/api/x', '/jupyter'],
    shape: jupyter,
    status: { 401: 403 },
  },
  {
    door: 'librechat',
    path: '/librechat/v1/exec',
    unknown: ['/librechat/x', '/librechat/v1/x/y'],
    shape: librechat,
  },
  {
    door: 'piston',
    path: '/api/v2/execute',
    unknown: ['/api/v2/x', '/api/v2/execute/x', '/piston/x', '/piston'],
    shape: { message: expect.any(String) },
  },
  {
    door: 'judge0',
    path: '/submissions',
    unknown: ['/submissions/x/y', '/languages/x/y', '/judge0/x', '/judge0'],
    shape: { error: expect.any(String) },
  },
  {
    door: 'jobe',
    path: '/jobe/index.php/restapi/runs',
    unknown: ['/jobe/x', '/jobe/index.php/restapi/x', '/jobe'],
    shape: expect.any(String),
  },
  {
    door: 'librechat, tools',
    path: '/librechat/exec/programmatic',
    unknown: ['/librechat'],
    shape: librechat,
  },
  {
    door: 'e2b',
    path: '/v2/sandboxes',
    unknown: ['/sandboxes/x/y', '/v2/sandboxes/x/y', '/volumes', '/templates/x/y'],
    shape: e2b,
  },
]

describe.each(DOORS)('$door', ({ door, path, unknown, shape, status = {} }) => {
  const expected = (code: number) => status[code] ?? code
  const check = (answer: Awaited<ReturnType<typeof ask>>, code: number) => {
    expect([answer.status, answer.text]).toEqual([expected(code), expect.any(String)])
    // Dify's sandbox says nothing to a wrong key.
    if (door === 'dify' && code === 401) return expect(answer.text).toBe('')
    expect(answer.headers['content-type']).toMatch(/^application\/(problem\+)?json/)
    expect(answer.text).not.toContain('statusCode')
    expect([JSON.parse(answer.text)]).toMatchObject([shape])
  }

  test('no key, and a wrong one', async () => {
    check(await ask(keyed.url, { path, headers: json, body: '{}' }), 401)
    check(await ask(keyed.url, { path, headers: { ...json, 'x-api-key': 'x' }, body: '{}' }), 401)
    for (const one of unknown.slice(0, 1)) check(await ask(keyed.url, { path: one }), 401)
  })

  test('a page of another origin, and another host', async () => {
    const origin = { ...json, origin: 'http://evil.example' }
    check(await ask(open.url, { path, headers: origin, body: '{}' }), 403)
    check(
      await ask(open.url, { path, headers: { ...json, host: 'rebind.example' }, body: '{}' }),
      403,
    )
  })

  test.each(unknown)('no such path: %s', async (one) => {
    check(await ask(keyed.url, { method: 'GET', path: one, headers: withKey }), 404)
    check(await ask(keyed.url, { path: one, headers: withKey, body: '{}' }), 404)
    check(await ask(keyed.url, { path: `${one}?a=b`, headers: withKey, body: '{"a":' }), 404)
  })

  test('another method', async () => {
    const answer = await ask(keyed.url, { method: 'PUT', path, headers: withKey, body: '{}' })
    check(answer, 405)
    expect(answer.headers.allow).toContain('POST')
  })

  test('a body that is no JSON, too large or of another type', async () => {
    if (door !== 'jupyter') {
      check(await ask(keyed.url, { path, headers: withKey, body: '{"a":' }), 400)
      check(await ask(keyed.url, { path, headers: withKey, body: '[]' }), 400)
    } else check(await ask(keyed.url, { path, headers: withKey, body: '{"a":' }), 400)
    const length = { ...withKey, 'content-length': String(64 * 1024 ** 2) }
    check(await ask(keyed.url, { path, headers: length }), 413)
    const type = { ...withKey, 'content-type': 'application/xml' }
    check(await ask(keyed.url, { path, headers: type, body: '<a/>' }), 415)
  })

  test('an address that cannot be read', async () => {
    const addresses = [`${unknown[0]}/%zz`, `${path}/%c0%80`, `${unknown[0]}/${'x'.repeat(3000)}`]
    for (const one of addresses) {
      const answer = await ask(keyed.url, { method: 'GET', path: one, headers: withKey })
      expect([400, 404, 405]).toContain(answer.status)
      expect(answer.text).not.toContain('statusCode')
      expect([JSON.parse(answer.text)]).toMatchObject([shape])
    }
  })

  test('what is no request of HTTP, or one in two ways at once', async () => {
    const head = `POST ${path} HTTP/1.1\r\nHost: localhost\r\nX-API-Key: ${KEY}\r\nContent-Type: application/json\r\n`
    const smuggled = `GET /metrics HTTP/1.1\r\nHost: localhost\r\nX-API-Key: ${KEY}\r\n\r\n`
    for (const bytes of [
      `${head}no header\r\n\r\n`,
      `${head}Content-Length: 4\r\nTransfer-Encoding: chunked\r\n\r\n0\r\n\r\n${smuggled}`,
      `${head}Content-Length: 4\r\nContent-Length: 5\r\n\r\n{}{}{${smuggled}`,
      `${head}Transfer-Encoding: chunked\r\n\r\nzz\r\n{}\r\n0\r\n\r\n${smuggled}`,
      `${head}Transfer-Encoding: gzip, identity\r\n\r\n${smuggled}`,
    ]) {
      const text = await raw(keyed.url, bytes)
      expect(text).not.toContain('statusCode')
      // None of it is taken for a second request.
      expect(text.match(/^HTTP\/1\.1 /gm)).toHaveLength(1)
      expect(text).toMatch(/^HTTP\/1\.1 4\d\d /)
    }
  })

  test('nothing of it has run, or is held', async () => {
    expect(runs.requests).toEqual([])
    await expect.poll(() => keyed.accounts.uploads.total, { timeout: 30_000 }).toBe(0)
  })
})
