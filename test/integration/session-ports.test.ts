import { once } from 'node:events'
import { createServer } from 'node:http'
import type { AddressInfo } from 'node:net'
import { describe, expect, onTestFinished, test } from 'vitest'
import { WebSocket } from 'ws'
import { useManager } from '../support/manager.ts'
import { sessionClient, soon } from '../support/session-client.ts'

const client = useManager({ runtimes: ['python'], sessionsPerCaller: 2 })
const { call, create, command, begin } = sessionClient(() => client.url)
const python = () => create({ template: 'python' })

/** Answers GET as http.server does, POST with what it gets, and a WebSocket with what it hears. */
const SERVER = `
import base64, hashlib, http.server, socketserver, struct, sys
class Handler(http.server.SimpleHTTPRequestHandler):
    protocol_version = 'HTTP/1.1'
    def do_POST(self):
        body = self.rfile.read(int(self.headers['content-length']))
        self.send_response(201)
        self.send_header('content-length', str(len(body)))
        self.end_headers()
        self.wfile.write(body)
    def do_GET(self):
        if self.headers.get('upgrade') != 'websocket':
            return super().do_GET()
        key = self.headers['sec-websocket-key'] + '258EAFA5-E914-47DA-95CA-C5AB0DC85B11'
        self.send_response(101)
        self.send_header('upgrade', 'websocket')
        self.send_header('connection', 'upgrade')
        self.send_header('sec-websocket-accept', base64.b64encode(hashlib.sha1(key.encode()).digest()).decode())
        self.end_headers()
        while True:
            head = self.rfile.read(2)
            if len(head) < 2 or head[0] & 15 == 8:
                break
            mask = self.rfile.read(4)
            data = bytes(b ^ mask[i % 4] for i, b in enumerate(self.rfile.read(head[1] & 127)))
            self.wfile.write(bytes([head[0], len(data)]) + data)
            self.wfile.flush()
        self.close_connection = True
class Server(http.server.ThreadingHTTPServer):
    address_family = __import__('socket').AF_INET6 if sys.argv[2] == '::1' else __import__('socket').AF_INET
Server((sys.argv[2], int(sys.argv[1])), Handler).serve_forever()
`

async function serve(id: string, port: number, host = '127.0.0.1') {
  await call('PUT', `/${id}/files/server.py`, new TextEncoder().encode(SERVER))
  await begin(id, `exec python3 server.py ${port} ${host} > log 2>&1`)
  await soon(async () => (await call('GET', `/${id}/ports/${port}/`)).status).toBe(200)
}

describe('a server in a session', () => {
  test('is reached over HTTP and WebSockets, after its session was on disk too', async () => {
    const id = await python()
    await serve(id, 8000)
    await call('PUT', `/${id}/files/page.html`, new TextEncoder().encode('<p>hello'))
    const page = await call('GET', `/${id}/ports/8000/page.html?x=1`)
    expect(page.text).toBe('<p>hello')
    expect(page.headers.get('content-type')).toBe('text/html')
    expect(page.headers.get('content-security-policy')).toContain('sandbox')
    expect((await call('GET', `/${id}/ports/8000/none`)).status).toBe(404)
    const body = new Uint8Array(3_000_000).fill(7)
    const posted = await fetch(`${client.url}/v1/sessions/${id}/ports/8000/`, {
      method: 'POST',
      body,
    })
    expect(posted.status).toBe(201)
    expect(Buffer.compare(Buffer.from(await posted.arrayBuffer()), body)).toBe(0)
    expect((await call('POST', `/${id}/pause`)).json().state).toBe('hibernated')
    const { url } = (await call('POST', `/${id}/signed-urls`, { port: 8000 })).json()
    const webSocket = new WebSocket(`${client.url.replace('http', 'ws')}${url}chat`)
    await once(webSocket, 'open')
    webSocket.send('heard')
    expect(String((await once(webSocket, 'message'))[0])).toBe('heard')
    webSocket.terminate()
    await soon(async () => (await call('GET', `/${id}`)).json().state).toBe('ready')
  })

  test('may listen on ::1', async () => {
    const id = await python()
    await serve(id, 8001, '::1')
  })

  test('is no way to the host, nor to another session', async () => {
    const host = createServer((_request, response) => response.end('the host')).listen(
      0,
      '127.0.0.1',
    )
    await once(host, 'listening')
    onTestFinished(() => void host.close())
    const { port } = host.address() as AddressInfo
    const [one, other] = [await python(), await python()]
    await serve(one, 8000)
    for (const [id, to] of [
      [one, port],
      [other, 8000],
      [other, Number(new URL(client.url).port)],
    ] as const) {
      const { status, text } = await call('GET', `/${id}/ports/${to}/`)
      expect([status, text.includes('nothing listens there')]).toEqual([502, true])
    }
    for (const path of ['//169.254.169.254/', '/http://169.254.169.254/', '/%0d%0aHost:%20x/']) {
      expect((await call('GET', `/${one}/ports/8000${path}`)).status).toBe(404)
    }
    expect(await command(one, 'grep -c 169.254 log')).toMatchObject({ stdout: '2\n' })
  })
})
