import { request } from 'node:http'
import { text } from 'node:stream/consumers'
import type { Answer } from '../support/client.ts'
import type { Service } from '../support/service.ts'

/** What callers were told, by kind. Every request ends in one of them. */
export type Kind = 'right' | 'busy' | 'internal' | 'died' | 'refused' | 'closed' | 'wrong'

const PROGRAM = 'def main(n):\n  print(n)\n  return n * 2'

/** Callers that ask one thing after another and know what each answer has to be. */
export class Load {
  readonly counts: Record<Kind, number> = {
    right: 0,
    busy: 0,
    internal: 0,
    died: 0,
    refused: 0,
    closed: 0,
    wrong: 0,
  }
  /** Answers that are neither right nor an honest failure. */
  readonly wrong: string[] = []
  #over = false
  #next = 0
  readonly #program: string
  readonly #callers: Promise<void>[]

  /** @param program prints its argument n and returns its double */
  constructor(service: Service, callers = 3, program = PROGRAM) {
    this.#program = program
    this.#callers = Array.from({ length: callers }, () => this.#ask(service))
  }

  /** Resolves when no request is open any more: none was left without an end. */
  async stop(): Promise<void> {
    this.#over = true
    await Promise.all(this.#callers)
  }

  async #ask(service: Service): Promise<void> {
    while (!this.#over) {
      const kind = await this.#askOnce(service, ++this.#next)
      this.counts[kind]++
      // Who is turned away does not come back in the same moment.
      if (kind !== 'right') await new Promise((resolve) => setTimeout(resolve, 100))
    }
  }

  async #askOnce({ client }: Service, n: number): Promise<Kind> {
    const code_b64 = Buffer.from(this.#program).toString('base64')
    const body = JSON.stringify({ code_b64, language: 'python', arguments: { n } })
    const answer = await post(`${client.url}/run`, body).catch(() => null)
    if (answer === null) return 'closed'
    if (answer.status >= 500) return 'refused'
    const kind = answer.status === 200 ? kindOf(JSON.parse(answer.text), n) : 'wrong'
    if (kind === 'wrong') this.wrong.push(`${answer.status} ${answer.text}`)
    return kind
  }
}

/**
 * On a connection of its own, so that what becomes of it is what becomes of the request: fetch() takes
 * others in its stead.
 */
function post(url: string, body: string): Promise<{ status: number; text: string }> {
  return new Promise((resolve, reject) => {
    const headers = { 'content-type': 'application/json' }
    const sent = request(url, { method: 'POST', headers, agent: false }, (response) => {
      const status = response.statusCode as number
      text(response).then((text) => resolve({ status, text }), reject)
    })
    sent.on('error', reject)
    sent.end(body)
  })
}

function kindOf(answer: Answer, n: number): Kind {
  if (answer.status === 'success') {
    return answer.result?.value === 2 * n && answer.stdout === `${n}\n` ? 'right' : 'wrong'
  }
  if (answer.detail === 'no_available_container') return 'busy'
  if (answer.detail === 'internal_error') return 'internal'
  // The sandbox ended under the run, which is all that can be seen of it from outside.
  if (answer.status === 'runtime_error' && answer.result === null) return 'died'
  return 'wrong'
}

/** Of executors of Python that could not be made. */
export const FAILURES = 'executor_failures_total{runtime="python",how="create"}'

/** @param name with its labels, as it stands in /metrics behind `executor_manager_` */
export async function metric({ client }: Service, name: string): Promise<number> {
  const text = await (await fetch(`${client.url}/metrics`)).text()
  const line = text.split('\n').find((line) => line.startsWith(`executor_manager_${name} `))
  return Number(line?.split(' ').at(-1) ?? 0)
}
