import { connect, type Socket } from 'node:net'
import { isExpected, type Program } from './programs.ts'

/** One run as its caller saw it. */
export interface TimedRun {
  /** From before the request is sent until the last byte of the answer is there. */
  readonly latencyMs: number
  /** Of that, what the service says it spent on the run. */
  readonly serviceMs: number
  /** Why the answer is not the right one, or null. */
  readonly failure: string | null
}

/** The front door that a run goes through. */
export type RunPath = '/run' | '/v1/runs'

interface Answer {
  readonly status: string
  readonly stdout: string
  readonly result: { readonly value: unknown } | null
}

interface Response {
  readonly status: number
  /** The header, without the status line. */
  readonly head: string
  readonly body: string
}

/**
 * A caller of the service that keeps its connections open. It speaks just as much HTTP as our own
 * service asks for, so that what is measured is the service and not a client's library.
 */
export class Client {
  readonly #port: number
  readonly #interrupt: AbortSignal
  readonly #address: string
  readonly #idle: Connection[] = []
  readonly #open = new Set<Connection>()

  /** @param address to come from: each is a caller of its own */
  constructor(port: number, interrupt: AbortSignal, address = '127.0.0.1') {
    this.#port = port
    this.#interrupt = interrupt
    this.#address = address
  }

  /** Never rejects but when interrupted: a run that fails is a figure too. */
  async run(program: Program, path: RunPath = '/run'): Promise<TimedRun> {
    const request = requestBytes(
      'POST',
      path,
      path === '/run' ? bodyOf(program) : nativeBody(program),
    )
    const started = performance.now()
    try {
      const response = await this.#exchange(request)
      const latencyMs = performance.now() - started
      const serviceMs = serverTimingMs(response.head)
      return { latencyMs, serviceMs, failure: failureOf(program, path, response) }
    } catch (error) {
      this.#interrupt.throwIfAborted()
      const failure = (error as NodeJS.ErrnoException).code ?? (error as Error).message
      return { latencyMs: performance.now() - started, serviceMs: Number.NaN, failure }
    }
  }

  /**
   * Runs a program whose result is what it measured.
   * @throws Error unless it succeeds
   */
  async measure(program: Program): Promise<unknown> {
    const { body } = await this.#exchange(requestBytes('POST', '/run', bodyOf(program)))
    const { status, result, stderr } = JSON.parse(body)
    if (status !== 'success') throw new Error(`${program.title}: ${status} ${stderr}`)
    return result?.value
  }

  /** @throws Error unless the answer is 200 */
  async get(path: string): Promise<string> {
    const { status, body } = await this.#exchange(requestBytes('GET', path))
    if (status !== 200) throw new Error(`${path} answers ${status}`)
    return body
  }

  close(): void {
    for (const connection of this.#open) connection.close()
  }

  async #exchange(request: Buffer): Promise<Response> {
    this.#interrupt.throwIfAborted()
    let connection = this.#idle.pop()
    if (!connection?.isOpen) {
      connection = new Connection(this.#port, this.#interrupt, this.#address)
      this.#open.add(connection)
    }
    try {
      const response = await connection.exchange(request)
      this.#idle.push(connection)
      return response
    } catch (error) {
      connection.close()
      this.#open.delete(connection)
      throw error
    }
  }
}

/** One connection: a request at a time. */
class Connection {
  readonly #socket: Socket
  #received: Buffer[] = []
  #settle: { resolve: (response: Response) => void; reject: (error: Error) => void } | null = null

  constructor(port: number, interrupt: AbortSignal, localAddress: string) {
    const to = { host: '127.0.0.1', port, localAddress }
    this.#socket = connect({ ...to, noDelay: true, signal: interrupt })
    this.#socket.on('data', (chunk) => this.#read(chunk))
    this.#socket.on('error', (error) => this.#fail(error))
    this.#socket.on('close', () => this.#fail(new Error('the connection was closed')))
  }

  /** The service closes a connection that is idle for long. */
  get isOpen(): boolean {
    return !this.#socket.destroyed
  }

  exchange(request: Buffer): Promise<Response> {
    return new Promise((resolve, reject) => {
      this.#settle = { resolve, reject }
      this.#received = []
      this.#socket.write(request)
    })
  }

  close(): void {
    this.#socket.destroy()
  }

  #read(chunk: Buffer): void {
    this.#received.push(chunk)
    const bytes = Buffer.concat(this.#received)
    const headEnd = bytes.indexOf('\r\n\r\n')
    if (headEnd < 0) return
    const [statusLine = '', ...lines] = bytes.toString('latin1', 0, headEnd).split('\r\n')
    const head = lines.join('\n')
    const length = /^content-length: *(\d+)$/im.exec(head)?.[1]
    if (length === undefined) {
      this.#fail(new Error('an answer without a length'))
      return
    }
    const body = bytes.subarray(headEnd + 4)
    if (body.length < Number(length)) return
    const status = Number(statusLine.split(' ')[1])
    this.#settle?.resolve({ status, head, body: body.toString('utf8') })
    this.#settle = null
  }

  #fail(error: Error): void {
    this.#settle?.reject(error)
    this.#settle = null
  }
}

function requestBytes(method: string, path: string, body?: string): Buffer {
  const headers = ['Host: 127.0.0.1', 'Content-Type: application/json']
  if (body !== undefined) headers.push(`Content-Length: ${Buffer.byteLength(body)}`)
  return Buffer.from(`${method} ${path} HTTP/1.1\r\n${headers.join('\r\n')}\r\n\r\n${body ?? ''}`)
}

function bodyOf({ code, runtime }: Program): string {
  const code_b64 = Buffer.from(code).toString('base64')
  return JSON.stringify({ code_b64, language: runtime, arguments: {} })
}

function nativeBody({ code, runtime }: Program): string {
  return JSON.stringify({ language: runtime, code, mode: 'function', arguments: {} })
}

function failureOf(program: Program, path: RunPath, response: Response): string | null {
  if (response.status !== 200) return `HTTP ${response.status}`
  if (path === '/v1/runs') {
    const { status, stdout, result } = JSON.parse(response.body)
    if (status !== 'succeeded') return status
    return isExpected(program, JSON.stringify(result), stdout) ? null : 'wrong answer'
  }
  const { status, stdout, result } = JSON.parse(response.body) as Answer
  if (status !== 'success') return status
  const value = result === null ? null : JSON.stringify(result.value)
  return isExpected(program, value, stdout) ? null : 'wrong answer'
}

/** The sum of a `Server-Timing` header's phases. */
function serverTimingMs(head: string): number {
  const line = /^server-timing:.*$/im.exec(head)?.[0]
  if (line === undefined) return Number.NaN
  return [...line.matchAll(/dur=([\d.]+)/g)].reduce((sum, [, ms]) => sum + Number(ms), 0)
}
