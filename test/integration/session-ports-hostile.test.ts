import { once } from 'node:events'
import { type AddressInfo, createServer, type Socket } from 'node:net'
import { afterAll, beforeAll, describe, expect, onTestFinished, test } from 'vitest'
import { WebSocket, WebSocketServer } from 'ws'
import { FakeRuns, openDoors } from '../support/door.ts'
import { hostSession } from '../support/host-session.ts'
import { soon } from '../support/session-client.ts'

// What servers in sessions may say. They are processes of this host, behind a real supervisor.
let session: Awaited<ReturnType<typeof hostSession>>
let doors: Awaited<ReturnType<typeof openDoors>>

beforeAll(async () => {
  session = await hostSession('here')
  doors = await openDoors(new FakeRuns(), {}, {}, undefined, session.sessions)
})
afterAll(async () => {
  await doors.close()
  await session.close()
})

/** A server that does what a test says with each connection. */
async function serve(does: (socket: Socket, head: string) => void): Promise<number> {
  const sockets = new Set<Socket>()
  const server = createServer((socket) => {
    sockets.add(socket)
    socket.on('error', () => {})
    socket.once('data', (chunk) => does(socket, chunk.toString('latin1')))
  }).listen(0, '127.0.0.1')
  await once(server, 'listening')
  onTestFinished(() => {
    for (const socket of sockets) socket.destroy()
    server.close()
  })
  return (server.address() as AddressInfo).port
}
const say = (text: string) => serve((socket) => socket.end(text))
const at = (port: number, path = '/') => `${doors.url}/v1/sessions/here/ports/${port}${path}`
const get = (port: number, init: RequestInit = {}) =>
  fetch(at(port), { redirect: 'manual', ...init })
const OK = 'HTTP/1.1 200 OK\r\n'

async function sign(port: number): Promise<string> {
  const response = await fetch(`${doors.url}/v1/sessions/here/signed-urls`, {
    method: 'POST',
    headers: { 'content-type': 'application/json' },
    body: JSON.stringify({ port }),
  })
  const { url } = (await response.json()) as { url: string }
  return doors.url + url
}

describe('a request to a port', () => {
  test('comes as it was sent, without what is the service’s', async () => {
    let seen = ''
    const port = await serve((socket, head) => {
      seen = head
      const answer = () =>
        seen.endsWith('the body') && socket.end(`${OK}content-length: 2\r\n\r\nok`)
      // The body may come after the headers.
      socket.on('data', (chunk) => {
        seen += chunk.toString('latin1')
        answer()
      })
      answer()
    })
    const response = await fetch(at(port, '/a%20b//c/../d?x=%2F&y'), {
      method: 'POST',
      body: 'the body',
      headers: {
        authorization: 'Bearer a-key-of-the-service',
        'x-api-key': 'a-key',
        'x-sandbox-token': 'a-key',
        cookie: `other=secret; port-${port}-own=kept; port-1-of=another`,
        'x-other': 'kept',
        te: 'trailers',
      },
    })
    expect(await response.text()).toBe('ok')
    expect(seen).toContain('POST /a%20b//c/../d?x=%2F&y HTTP/1.1\r\n'.replace('c/../', ''))
    expect(seen.toLowerCase()).toContain(`host: localhost:${port}\r\n`)
    expect(seen).toContain('cookie: own=kept\r\n')
    expect(seen).toContain('x-other: kept')
    expect(seen).toContain('the body')
    expect(seen).not.toMatch(/a-key|secret|another|trailers|keep-alive/)
    await soon(() => session.counts.released).toBe(session.counts.used)
  })

  test('is refused for what is no port, and where nobody listens', async () => {
    for (const port of ['0', '65536', '-1', '1.5', 'x', '8080@169.254.169.254', '127.0.0.1:22']) {
      const { status } = await fetch(`${doors.url}/v1/sessions/here/ports/${port}/`)
      expect([400, 404]).toContain(status)
    }
    const response = await get(1)
    expect(response.status).toBe(502)
    expect(await response.text()).toContain('nothing listens there')
    expect((await fetch(`${doors.url}/v1/sessions/none/ports/80/`)).status).toBe(404)
  })
})

describe('an answer of a port', () => {
  test('speaks for nothing but itself', async () => {
    const headers = [
      'set-cookie: sid=1; Path=/; Domain=example.com; HttpOnly; SameSite=None',
      'set-cookie: bad name=2',
      'clear-site-data: "*"',
      'strict-transport-security: max-age=1',
      'nel: {}',
      'service-worker-allowed: /',
      'access-control-allow-origin: https://evil.example',
      'access-control-allow-credentials: true',
      'content-security-policy: default-src *',
      'connection: x-hop',
      'x-hop: 1',
      'location: /login',
    ]
    const port = await say(`HTTP/1.1 302 F\r\n${headers.join('\r\n')}\r\ncontent-length: 0\r\n\r\n`)
    const url = await sign(port)
    const response = await fetch(url, { redirect: 'manual' })
    const prefix = new URL(url).pathname.replace(/\/$/, '')
    expect(response.status).toBe(302)
    expect(response.headers.get('location')).toBe(`${prefix}/login`)
    expect(response.headers.getSetCookie()).toEqual([
      `port-${port}-sid=1; HttpOnly; Path=${prefix}/; SameSite=Lax`,
    ])
    expect(response.headers.get('content-security-policy')).toMatch(/default-src \*, sandbox/)
    expect(response.headers.get('content-security-policy')).not.toContain('allow-same-origin')
    expect(response.headers.get('access-control-allow-origin')).toBe('*')
    for (const name of [
      'clear-site-data',
      'strict-transport-security',
      'nel',
      'service-worker-allowed',
      'access-control-allow-credentials',
      'x-hop',
    ]) {
      expect(response.headers.get(name)).toBeNull()
    }
  })

  test.each([
    ['is no HTTP', 'SSH-2.0-OpenSSH_9.2\r\n'],
    ['has a header with a zero byte', `${OK}x: a\0b\r\n\r\n`],
    ['has a folded header', `${OK}x: a\r\n b: c\r\ncontent-length: 0\r\n\r\n`],
    ['has two lengths', `${OK}content-length: 1\r\ncontent-length: 2\r\n\r\nab`],
    [
      'has a length and chunks',
      `${OK}content-length: 1\r\ntransfer-encoding: chunked\r\n\r\n0\r\n\r\n`,
    ],
    ['has headers without end', `${OK}${'x: yyyyyyyy\r\n'.repeat(10_000)}`],
    ['has one long header', `${OK}x: ${'y'.repeat(100_000)}\r\n\r\n`],
    ['says something before its answer without end', 'HTTP/1.1 103 E\r\n\r\n'.repeat(100)],
    [
      'changes protocol unasked',
      'HTTP/1.1 101 S\r\nupgrade: websocket\r\nconnection: upgrade\r\n\r\n',
    ],
    ['ends at once', ''],
  ])('that %s is none', async (_, text) => {
    const response = await get(await say(text))
    expect(response.status).toBe(502)
    expect(response.headers.get('x')).toBeNull()
    // The connection to the caller is of use still.
    expect((await fetch(`${doors.url}/healthz`)).status).toBe(200)
  })

  test('that breaks off is broken for the caller too', async () => {
    const port = await serve((socket) => {
      socket.write(`${OK}content-length: 100\r\n\r\npart`)
      setTimeout(() => socket.destroy(), 50)
    })
    await expect(get(port).then((response) => response.text())).rejects.toThrow()
  })

  test('brings nothing with it that another request would be answered with', async () => {
    const evil = `${OK}content-length: 0\r\n\r\nHTTP/1.1 200 OK\r\ncontent-length: 4\r\n\r\nevil`
    const port = await say(evil)
    for (let i = 0; i < 3; i++) expect(await (await get(port)).text()).toBe('')
  })

  test('without end is read as fast as its caller reads, and ends with it', async () => {
    let closed = false
    let sent = 0
    const port = await serve((socket) => {
      socket.write(`${OK}\r\n`)
      const chunk = Buffer.alloc(65_536, 'x')
      const more = () => {
        while (!socket.destroyed && socket.write(chunk)) sent += chunk.length
      }
      socket.on('drain', more).on('close', () => {
        closed = true
      })
      more()
    })
    const controller = new AbortController()
    const response = await get(port, { signal: controller.signal })
    const reader = response.body?.getReader()
    await reader?.read()
    let last = -1
    await soon(() => {
      const isStill = sent === last
      last = sent
      return isStill
    }).toBe(true)
    expect(sent).toBeLessThan(64 * 1024 * 1024)
    controller.abort()
    await soon(() => closed).toBe(true)
    await soon(() => session.counts.released).toBe(session.counts.used)
  })
})

describe('a WebSocket to a port', () => {
  test('is carried as it is, by its signed address and for any origin', async () => {
    const server = new WebSocketServer({ port: 0, host: '127.0.0.1', perMessageDeflate: true })
    await once(server, 'listening')
    onTestFinished(() => server.close())
    server.on('connection', (socket, request) => {
      socket.send(JSON.stringify([request.url, request.headers.origin, request.headers.cookie]))
      socket.on('message', (data, isBinary) => socket.send(data, { binary: isBinary }))
    })
    const { port } = server.address() as AddressInfo
    const url = (await sign(port)).replace('http', 'ws')
    const headers = { cookie: 'secret=1', 'sec-fetch-site': 'cross-site' }
    const webSocket = new WebSocket(`${url}chat?room=1`, ['v1.proto'], { origin: 'null', headers })
    const [first] = await once(webSocket, 'message')
    expect(JSON.parse(first)).toEqual(['/chat?room=1', `http://localhost:${port}`, null])
    expect(webSocket.protocol).toBe('v1.proto')
    const big = Buffer.alloc(3_000_000, 'z')
    webSocket.send(big)
    const [echo] = await once(webSocket, 'message')
    expect(Buffer.compare(echo, big)).toBe(0)
    webSocket.close(1000)
    await once(webSocket, 'close')
    await soon(() => session.counts.released).toBe(session.counts.used)
  })

  test('that the server refuses is refused with its answer', async () => {
    const port = await say('HTTP/1.1 403 Forbidden\r\ncontent-length: 2\r\n\r\nno')
    const webSocket = new WebSocket(at(port).replace('http', 'ws'))
    const [error] = await once(webSocket, 'error')
    expect(String(error)).toContain('403')
    const altered = (await sign(port)).replace(/.{4}\/$/, 'AAAA/').replace('http', 'ws')
    const [other] = await once(new WebSocket(altered), 'error')
    expect(String(other)).toContain('403')
  })
})

test('a signed address is of one port of one session, and answers preflights', async () => {
  const port = await say(`${OK}content-length: 2\r\n\r\nok`)
  const url = await sign(port)
  const page = { origin: 'null', 'sec-fetch-site': 'cross-site' }
  expect(await (await fetch(`${url}x`, { headers: page })).text()).toBe('ok')
  expect((await fetch(at(port), { headers: page })).status).toBe(403)
  for (const altered of [
    url.replace(`.${port}.`, `.${port + 1}.`),
    url.replace('here.', 'there.'),
    url.replace(/\.1(\d+)\./, '.2$1.'),
    `${doors.url}/v1/ports/none/`,
    `${doors.url}/v1/ports/../sessions/here/ports/${port}/`,
  ]) {
    expect((await fetch(altered, { headers: page })).status).toBe(403)
  }
  const preflight = { ...page, 'access-control-request-method': 'PUT' }
  const asked = await fetch(url, { method: 'OPTIONS', headers: preflight })
  expect(asked.status).toBe(204)
  expect(asked.headers.get('access-control-allow-methods')).toContain('PUT')
  const bare = await fetch(url.replace(/\/$/, ''), { headers: page, redirect: 'manual' })
  expect(bare.status).toBe(308)
})
