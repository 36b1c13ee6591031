import { request as httpRequest, type IncomingMessage } from 'node:http'
import { expect, onTestFinished } from 'vitest'

/** A sandbox as its creation was answered. */
export interface Sandbox {
  readonly sandboxID: string
  readonly envdAccessToken: string
}

/** A message of a stream, and its flags. */
export interface Frame {
  readonly flags: number
  // biome-ignore lint/suspicious/noExplicitAny: a test says what it expects
  readonly message: any
}

/** Returns a message of a stream as it goes out. */
export function frame(message: unknown, flags = 0): Buffer {
  const body = Buffer.isBuffer(message) ? message : Buffer.from(JSON.stringify(message))
  const head = Buffer.alloc(5)
  head[0] = flags
  head.writeUInt32BE(body.length, 1)
  return Buffer.concat([head, body])
}

/** Returns the messages of a stream that has ended. */
export function framesIn(bytes: Buffer): Frame[] {
  const frames: Frame[] = []
  for (let at = 0; at < bytes.length; ) {
    const end = at + 5 + bytes.readUInt32BE(at + 1)
    const message = JSON.parse(bytes.toString('utf8', at + 5, end))
    frames.push({ flags: bytes[at] as number, message })
    at = end
  }
  return frames
}

/** Talks to the front door of E2B of a service, byte by byte. */
export function e2bClient(url: () => string) {
  /** Makes a sandbox, which is killed when the test is over. */
  async function create(members = {}): Promise<Sandbox> {
    const response = await fetch(`${url()}/v2/sandboxes`, {
      method: 'POST',
      headers: { 'content-type': 'application/json' },
      body: JSON.stringify({ templateID: 'base', ...members }),
    })
    expect(response.status).toBe(201)
    const sandbox = (await response.json()) as Sandbox
    onTestFinished(async () => {
      await fetch(`${url()}/sandboxes/${sandbox.sandboxID}`, { method: 'DELETE' })
    })
    return sandbox
  }

  function headersOf(sandbox: Sandbox): Record<string, string> {
    return {
      'e2b-sandbox-id': sandbox.sandboxID,
      'e2b-sandbox-port': '49983',
      'x-access-token': sandbox.envdAccessToken,
    }
  }

  /** Sends a request for a sandbox; with its body as it is. */
  async function send(
    sandbox: Sandbox,
    method: string,
    path: string,
    body?: Buffer | string | FormData,
    headers: Record<string, string> = {},
    signal?: AbortSignal,
  ) {
    const init: RequestInit = { method, headers: { ...headersOf(sandbox), ...headers } }
    if (body !== undefined) init.body = Buffer.isBuffer(body) ? new Uint8Array(body) : body
    if (signal) init.signal = signal
    return fetch(`${url()}${path}`, init)
  }

  /** Calls a method with one message each way. */
  async function call(sandbox: Sandbox, method: string, message: unknown, signal?: AbortSignal) {
    const type = { 'content-type': 'application/json' }
    const response = await send(
      sandbox,
      'POST',
      `/${method}`,
      JSON.stringify(message),
      type,
      signal,
    )
    // biome-ignore lint/suspicious/noExplicitAny: a test says what it expects
    return { status: response.status, body: (await response.json()) as any }
  }

  /** Calls a method that answers with a stream, and reads it to its end. */
  async function stream(sandbox: Sandbox, method: string, body: unknown, headers = {}) {
    const bytes = Buffer.isBuffer(body) ? body : frame(body)
    const type = { 'content-type': 'application/connect+json', ...headers }
    const response = await send(sandbox, 'POST', `/${method}`, bytes, type)
    const answered = Buffer.from(await response.arrayBuffer())
    const frames = response.status === 200 ? framesIn(answered) : []
    return {
      status: response.status,
      text: answered.toString(),
      frames,
      end: frames.at(-1)?.message,
    }
  }

  /** Begins a call that answers with a stream, of which nothing is read until somebody does. */
  function begin(sandbox: Sandbox, method: string, message: unknown, headers = {}) {
    const asked = httpRequest(`${url()}/${method}`, {
      method: 'POST',
      headers: { ...headersOf(sandbox), 'content-type': 'application/connect+json', ...headers },
    })
    const response = new Promise<IncomingMessage>((resolve, reject) => {
      asked.once('response', resolve).once('error', reject)
    })
    response.catch(() => {})
    asked.end(frame(message))
    onTestFinished(() => void asked.destroy())
    return { asked, response }
  }

  /** Runs a line of bash to its end. */
  async function run(sandbox: Sandbox, line: string, headers = {}) {
    const message = { process: { cmd: '/bin/bash', args: ['-c', line] }, stdin: false }
    const { frames } = await stream(sandbox, 'process.Process/Start', message, headers)
    const events = frames.map(({ message: { event } }) => event).filter(Boolean)
    const text = (name: string) =>
      Buffer.concat(events.map(({ data }) => Buffer.from(data?.[name] ?? '', 'base64'))).toString()
    return { events, stdout: text('stdout'), stderr: text('stderr'), end: events.at(-1)?.end }
  }

  return { create, send, call, stream, begin, run, headersOf }
}
