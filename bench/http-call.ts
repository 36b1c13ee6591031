import { type Agent, request } from 'node:http'

/** A service's port, a connection to it, and what gives a call up. */
export interface CallTarget {
  readonly port: number
  readonly agent: Agent
  readonly signal: AbortSignal
}

/**
 * Sends one request over an agent's connection. fetch() takes more time than what is measured here.
 * @param body sent as JSON; undefined: none
 * @returns the status and the text of the whole answer
 */
export function httpCall(
  { port, agent, signal }: CallTarget,
  method: string,
  path: string,
  body?: object,
  more: Readonly<Record<string, string>> = {},
): Promise<{ status: number; text: string }> {
  const text = body === undefined ? '' : JSON.stringify(body)
  const type = body === undefined ? {} : { 'content-type': 'application/json' }
  const headers = { ...type, 'content-length': Buffer.byteLength(text), ...more }
  return new Promise((resolve, reject) => {
    const to = { host: '127.0.0.1', port, path, method, headers, agent, signal }
    const sent = request(to, (response) => {
      const chunks: Buffer[] = []
      response.on('error', reject)
      response.on('data', (chunk: Buffer) => chunks.push(chunk))
      response.on('end', () =>
        resolve({ status: response.statusCode ?? 0, text: Buffer.concat(chunks).toString() }),
      )
    })
    sent.on('error', reject)
    sent.end(text)
  })
}
