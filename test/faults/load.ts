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
  readonly #callers: Promise<void>[]

  constructor(service: Service, callers = 3) {
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
      if (kind !== 'right') await new Promise((resolve) => setTimeout(resolve, 20))
    }
  }

  async #askOnce({ client }: Service, n: number): Promise<Kind> {
    const code_b64 = Buffer.from(PROGRAM).toString('base64')
    const body = JSON.stringify({ code_b64, language: 'python', arguments: { n } })
    let status: number
    let text: string
    try {
      const response = await client.post(body)
      status = response.status
      text = await response.text()
    } catch {
      return 'closed'
    }
    if (status >= 500) return 'refused'
    const kind = status === 200 ? kindOf(JSON.parse(text), n) : 'wrong'
    if (kind === 'wrong') this.wrong.push(`${status} ${text}`)
    return kind
  }
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
