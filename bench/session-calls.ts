import { Agent } from 'node:http'
import { setTimeout as sleep } from 'node:timers/promises'
import type { Bench } from './context.ts'
import { httpCall } from './http-call.ts'
import { parseMetrics } from './metrics.ts'
import type { Service } from './service.ts'

const READY_POLL_MS = 50
const READY_PATIENCE_MS = 60_000

/** A session as the service tells of it. */
export interface ToldSession {
  readonly id: string
  readonly state: string
  readonly checkpoint: { readonly bytes: number } | null
}

/** Asks for sessions, over one connection that is kept. */
export class SessionCalls {
  readonly #port: number
  readonly #interrupt: AbortSignal
  readonly #agent = new Agent({ keepAlive: true, maxSockets: 1 })

  constructor(bench: Bench, service: Service) {
    this.#port = service.port
    this.#interrupt = bench.interrupt
  }

  close(): void {
    this.#agent.destroy()
  }

  async create(members: object = {}): Promise<string> {
    const made = await this.send('POST', '', { template: 'python', ...members })
    return (JSON.parse(made) as ToldSession).id
  }

  /** Runs a cell. @throws Error when it fails */
  async run(id: string, code: string, members: object = {}): Promise<void> {
    const answer = await this.send('POST', `/${id}/runs`, { code, ...members })
    if (!answer.includes('"status":"succeeded"')) throw new Error(answer)
  }

  async told(id: string): Promise<ToldSession> {
    return JSON.parse(await this.send('GET', `/${id}`)) as ToldSession
  }

  async delete(id: string): Promise<void> {
    await this.send('DELETE', `/${id}`)
  }

  /** Adds how long work takes, in ms. */
  async timed<T>(times: number[], work: () => Promise<T>): Promise<T> {
    const began = performance.now()
    const value = await work()
    times.push(performance.now() - began)
    return value
  }

  /** Waits until a sandbox of Python is ready for a session. */
  async untilReady(): Promise<void> {
    const deadline = performance.now() + READY_PATIENCE_MS
    for (;;) {
      const samples = parseMetrics(await this.#ask('GET', '/metrics'))
      const [ready] = samples.filter(
        ({ name, labels }) =>
          name === 'executor_manager_ready_sessions' && labels.template === 'python',
      )
      if (ready && ready.value > 0) return
      if (performance.now() > deadline) throw new Error('no sandbox becomes ready for a session')
      await sleep(READY_POLL_MS, undefined, { signal: this.#interrupt })
    }
  }

  /** @returns the answer's text; @throws Error when it is none of success */
  send(method: string, path: string, body?: object): Promise<string> {
    return this.#ask(method, `/v1/sessions${path}`, body)
  }

  async #ask(method: string, path: string, body?: object): Promise<string> {
    const target = { port: this.#port, agent: this.#agent, signal: this.#interrupt }
    const { status, text } = await httpCall(target, method, path, body)
    if (status >= 300) throw new Error(`${method} ${path}: ${status} ${text}`)
    return text
  }
}
