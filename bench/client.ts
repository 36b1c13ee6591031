import { once } from 'node:events'
import { Agent, type ClientRequest, type IncomingMessage, request } from 'node:http'
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

interface Answer {
  readonly status: string
  readonly stdout: string
  readonly result: { readonly value: unknown } | null
}

/** A caller of the service that keeps its connections open. */
export class Client {
  readonly #port: number
  readonly #interrupt: AbortSignal
  readonly #agent: Agent

  /** @param connections that may be open at once */
  constructor(port: number, connections: number, interrupt: AbortSignal) {
    this.#port = port
    this.#interrupt = interrupt
    this.#agent = new Agent({ keepAlive: true, maxSockets: connections })
  }

  /** Never rejects but when interrupted: a run that fails is a figure too. */
  async run(program: Program): Promise<TimedRun> {
    const body = bodyOf(program)
    const started = performance.now()
    try {
      const { response, text } = await this.#exchange('POST', '/run', body)
      const latencyMs = performance.now() - started
      const serviceMs = serverTimingMs(response.headers['server-timing'])
      return { latencyMs, serviceMs, failure: failureOf(program, response, text) }
    } catch (error) {
      this.#interrupt.throwIfAborted()
      const failure = (error as NodeJS.ErrnoException).code ?? (error as Error).message
      return { latencyMs: performance.now() - started, serviceMs: Number.NaN, failure }
    }
  }

  /** @throws Error unless the answer is 200 */
  async get(path: string): Promise<string> {
    const { response, text } = await this.#exchange('GET', path)
    if (response.statusCode !== 200) throw new Error(`${path} answers ${response.statusCode}`)
    return text
  }

  close(): void {
    this.#agent.destroy()
  }

  async #exchange(
    method: string,
    path: string,
    body?: Buffer,
  ): Promise<{ response: IncomingMessage; text: string }> {
    const sent: ClientRequest = request({
      host: '127.0.0.1',
      port: this.#port,
      method,
      path,
      agent: this.#agent,
      signal: this.#interrupt,
      headers: body ? { 'content-type': 'application/json', 'content-length': body.length } : {},
    })
    sent.end(body)
    const [response] = (await once(sent, 'response')) as [IncomingMessage]
    const chunks: Buffer[] = []
    for await (const chunk of response) chunks.push(chunk as Buffer)
    return { response, text: Buffer.concat(chunks).toString('utf8') }
  }
}

function bodyOf({ code, runtime }: Program): Buffer {
  const code_b64 = Buffer.from(code).toString('base64')
  return Buffer.from(JSON.stringify({ code_b64, language: runtime, arguments: {} }))
}

function failureOf(program: Program, response: IncomingMessage, text: string): string | null {
  if (response.statusCode !== 200) return `HTTP ${response.statusCode}`
  const { status, stdout, result } = JSON.parse(text) as Answer
  if (status !== 'success') return status
  const value = result === null ? null : JSON.stringify(result.value)
  return isExpected(program, value, stdout) ? null : 'wrong answer'
}

/** The sum of a `Server-Timing` header's phases. */
function serverTimingMs(header: string | string[] | undefined): number {
  if (typeof header !== 'string') return Number.NaN
  return [...header.matchAll(/dur=([\d.]+)/g)].reduce((sum, [, ms]) => sum + Number(ms), 0)
}
