import { once } from 'node:events'
import { request } from 'node:http'
import { text } from 'node:stream/consumers'
import type { Answer } from '../support/client.ts'

/** A caller of its own: each address is one. */
export class Caller {
  readonly #url: string
  readonly #address: string

  constructor(url: string, address: string) {
    this.#url = url
    this.#address = address
  }

  /** @returns the answer, or null when there is none */
  async run(code: string, language = 'python', args: object = {}): Promise<Answer | null> {
    const code_b64 = Buffer.from(code).toString('base64')
    const body = JSON.stringify({ code_b64, language, arguments: args })
    const sent = request(`${this.#url}/run`, {
      method: 'POST',
      headers: { 'content-type': 'application/json', 'content-length': Buffer.byteLength(body) },
      agent: false,
      localAddress: this.#address,
    })
    sent.end(body)
    try {
      const [response] = await once(sent, 'response')
      return response.statusCode === 200 ? JSON.parse(await text(response)) : null
    } catch {
      return null
    }
  }
}
