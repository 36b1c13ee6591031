import { expect, onTestFinished } from 'vitest'
import { scaledMs } from '../../src/lib/time-scale.ts'

/** An answer of `/v1/sessions`, read. */
export interface Answer {
  readonly status: number
  readonly text: string
  readonly headers: Headers
  // biome-ignore lint/suspicious/noExplicitAny: a test says what it expects
  json(): any
}

/** Talks to `/v1/sessions` of a service whose address is known when it is first used. */
export function sessionClient(url: () => string) {
  async function call(
    method: string,
    path: string,
    body?: unknown,
    headers: Record<string, string> = {},
  ): Promise<Answer> {
    const init: RequestInit = { method, headers }
    if (body instanceof Uint8Array) init.body = body as Uint8Array<ArrayBuffer>
    else if (body !== undefined) {
      init.body = JSON.stringify(body)
      init.headers = { 'content-type': 'application/json', ...headers }
    }
    const response = await fetch(`${url()}/v1/sessions${path}`, init)
    const text = await response.text()
    return {
      status: response.status,
      text,
      json: () => JSON.parse(text),
      headers: response.headers,
    }
  }
  /** Creates a session, which is deleted when the test is over. */
  async function create(members = {}, headers: Record<string, string> = {}): Promise<string> {
    const answer = await call('POST', '', { template: 'bash', ...members }, headers)
    expect(answer.text).toContain('"id"')
    const { id } = answer.json()
    onTestFinished(async () => void (await call('DELETE', `/${id}`, undefined, headers)))
    return id
  }
  /** Runs a line of bash to its end. */
  const command = async (id: string, line: string, members = {}) =>
    (await call('POST', `/${id}/commands`, { command: line, ...members })).json()
  /** Starts a line of bash in the background. */
  const begin = async (id: string, line: string, members = {}) => {
    const answer = await call('POST', `/${id}/commands`, {
      command: line,
      background: true,
      ...members,
    })
    expect(answer.text).toContain('"running"')
    return `/${id}/commands/${answer.json().id}`
  }
  return { call, create, command, begin }
}

/** Waits until a condition holds, on a busy machine too. */
export const soon = <T>(look: () => T) => expect.poll(look, { timeout: scaledMs(30_000) })

/** The events of a stream (https://html.spec.whatwg.org/#server-sent-events), once it has ended. */
export function eventsIn(text: string): { event: string; data: Record<string, unknown> }[] {
  return [...text.matchAll(/^event: (.*)\ndata: (.*)$/gm)].map(([, event = '', data = '']) => ({
    event,
    data: JSON.parse(data),
  }))
}
