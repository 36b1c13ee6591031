import { once } from 'node:events'
import { readFileSync } from 'node:fs'
import { connect, type Socket } from 'node:net'

/** A connection on which a test writes what it likes. */
export class Raw {
  readonly socket: Socket
  text = ''
  isClosed = false

  private constructor(socket: Socket) {
    this.socket = socket
    socket.on('data', (chunk) => {
      this.text += chunk.toString('latin1')
    })
    // Connections that the service ends are what these tests are about.
    socket.on('error', () => {})
    socket.on('close', () => {
      this.isClosed = true
    })
  }

  /** @param from the address to come from, for each is a caller of its own */
  static async open(url: string, from = '127.0.0.1'): Promise<Raw> {
    const { hostname, port } = new URL(url)
    const socket = connect({ host: hostname, port: Number(port), localAddress: from })
    const raw = new Raw(socket)
    await once(socket, 'connect')
    return raw
  }

  /** Resolves when the bytes have been taken, or the connection has ended. */
  async write(data: string | Buffer): Promise<void> {
    if (this.isClosed || this.socket.write(data)) return
    await new Promise<void>((resolve) => {
      this.socket.once('drain', resolve)
      this.socket.once('close', resolve)
    })
  }

  /** The status of the first answer, or null while there is none. */
  get status(): number | null {
    const status = /^HTTP\/1\.1 (\d+)/.exec(this.text)?.[1]
    return status === undefined ? null : Number(status)
  }
}

/** The head of a POST, of `/run` where nothing else is said. */
export function head(length: number | 'chunked', more = '', path = '/run'): string {
  const size = length === 'chunked' ? 'Transfer-Encoding: chunked' : `Content-Length: ${length}`
  return `POST ${path} HTTP/1.1\r\nHost: localhost\r\nContent-Type: application/json\r\n${more}${size}\r\n\r\n`
}

/** A whole request. */
export function runRequest(body: string, more = ''): string {
  return head(Buffer.byteLength(body), more) + body
}

/** A body whose program gets an argument of so many bytes. */
export function bodyWith(code: string, padBytes: number): string {
  const code_b64 = Buffer.from(code).toString('base64')
  return JSON.stringify({ code_b64, arguments: { pad: 'x'.repeat(padBytes) } })
}

/** Memory of a process that is in use, in MiB. */
export function residentMib(pid: number): number {
  const kib = /^VmRSS:\s+(\d+)/m.exec(readFileSync(`/proc/${pid}/status`, 'utf8'))?.[1]
  return Number(kib) / 1024
}

export function sleep(ms: number): Promise<void> {
  return new Promise((resolve) => setTimeout(resolve, ms))
}

/** Resolves when it is so; the test's own time limit ends what never comes. */
export async function until(isSo: () => boolean | Promise<boolean>): Promise<void> {
  while (!(await isSo())) await sleep(20)
}
