import { request as httpRequest, type IncomingMessage } from 'node:http'
import { request as httpsRequest } from 'node:https'
import { createInterface } from 'node:readline'
import type { Readable, Writable } from 'node:stream'

export interface BridgeOptions {
  /** Of the service, such as `http://127.0.0.1:9385`, which is the default. */
  readonly url?: string | undefined
  /** API key; without it none is shown. */
  readonly key?: string | undefined
  /** Messages of JSON-RPC, one on each line. */
  readonly input: Readable
  readonly output: Writable
}

interface Message {
  readonly id?: unknown
  readonly method?: string
  readonly params?: Readonly<Record<string, unknown>>
}

const DEFAULT_URL = 'http://127.0.0.1:9385'
const MODERN_VERSION = 'io.modelcontextprotocol/protocolVersion'
/** Which parameter stands in the header Mcp-Name too. */
const NAMED_BY: Readonly<Record<string, string>> = {
  'tools/call': 'name',
  'prompts/get': 'name',
  'resources/read': 'uri',
}

/**
 * Serves the Model Context Protocol on a pair of streams by asking a running server over HTTP, for clients that
 * know stdio only. It passes every message on as it is, in whichever revision the client speaks.
 * @returns when the input has ended; what is under way is canceled then
 */
export async function runBridge(options: BridgeOptions): Promise<void> {
  const bridge = new Bridge(options)
  for await (const line of createInterface({ input: options.input })) {
    if (line.trim() !== '') bridge.take(line)
  }
  bridge.close()
}

class Bridge {
  readonly #options: BridgeOptions
  readonly #url: URL
  /** Requests that are under way, by their id. */
  readonly #running = new Map<string, AbortController>()
  /** What the server said to `initialize`: revisions before 2026-07-28 want it in headers. */
  #version: string | null = null
  #session: string | null = null

  constructor(options: BridgeOptions) {
    this.#options = options
    this.#url = new URL(options.url ?? DEFAULT_URL)
    this.#url.pathname = `${this.#url.pathname.replace(/\/+$/, '')}/mcp`
  }

  take(line: string): void {
    const message = parsed(line)
    if (message === null) {
      this.#fail(null, -32_700, 'The line is no JSON-RPC message.')
      return
    }
    const { id, method, params } = message
    if (method === 'notifications/cancelled') {
      // A closed stream cancels a request, whatever the revision.
      this.#running.get(JSON.stringify(params?.requestId))?.abort()
      return
    }
    const controller = new AbortController()
    const name = JSON.stringify(id)
    if (id !== undefined) this.#running.set(name, controller)
    this.#post(line, message, controller.signal)
      .catch((error: Error) => {
        if (id === undefined || controller.signal.aborted) return
        const { origin } = this.#url
        const remedy = 'executor-manager serve starts one here, --url says where it is'
        this.#fail(id, -32_000, `${origin} does not answer (${error.message}): ${remedy}.`)
      })
      .finally(() => this.#running.delete(name))
  }

  close(): void {
    for (const controller of this.#running.values()) controller.abort()
  }

  async #post(line: string, message: Message, signal: AbortSignal): Promise<void> {
    const response = await ask(this.#url, this.#headers(message), line, signal)
    const type = response.headers['content-type'] ?? ''
    if (message.method === 'initialize') {
      this.#session = String(response.headers['mcp-session-id'] ?? '') || null
    }
    if (type.startsWith('text/event-stream')) {
      for await (const data of eventData(response)) await this.#pass(data, message)
      return
    }
    const text = Buffer.concat(await response.toArray()).toString()
    if (message.id === undefined) return
    if (type.startsWith('application/json')) return this.#pass(text, message)
    this.#fail(message.id, -32_000, `The server answered with status ${response.statusCode}.`)
  }

  #headers({ method = '', params }: Message): Record<string, string> {
    const { key } = this.#options
    const meta = params?._meta as Record<string, unknown> | undefined
    const modern = meta?.[MODERN_VERSION]
    const version = typeof modern === 'string' ? modern : this.#version
    const name = params?.[NAMED_BY[method] ?? '']
    return {
      'content-type': 'application/json',
      accept: 'application/json, text/event-stream',
      ...(key ? { authorization: `Bearer ${key}` } : {}),
      ...(version === null ? {} : { 'mcp-protocol-version': version }),
      ...(this.#session === null ? {} : { 'mcp-session-id': this.#session }),
      ...(typeof modern === 'string' ? { 'mcp-method': method } : {}),
      ...(typeof modern === 'string' && typeof name === 'string'
        ? { 'mcp-name': headerText(name) }
        : {}),
    }
  }

  /** Gives a message of the server to the client. A refusal of HTTP does not know which request it answers. */
  async #pass(text: string, { id, method }: Message): Promise<void> {
    const answer = JSON.parse(text) as { id?: unknown; error?: unknown; result?: unknown }
    if (method === 'initialize') {
      const { protocolVersion } = (answer.result ?? {}) as { protocolVersion?: string }
      this.#version = protocolVersion ?? null
    }
    const isUnnamed = answer.error !== undefined && answer.id == null
    await this.#write(isUnnamed ? JSON.stringify({ ...answer, id }) : text.replace(/[\r\n]+/g, ' '))
  }

  #fail(id: unknown, code: number, message: string): void {
    void this.#write(JSON.stringify({ jsonrpc: '2.0', id, error: { code, message } }))
  }

  #write(line: string): Promise<void> {
    return new Promise((resolve) => this.#options.output.write(`${line}\n`, () => resolve()))
  }
}

function parsed(line: string): Message | null {
  try {
    const value: unknown = JSON.parse(line)
    return typeof value === 'object' && value !== null && !Array.isArray(value) ? value : null
  } catch {
    return null
  }
}

/** Not fetch(), which gives up on a run that says nothing for five minutes. */
function ask(
  url: URL,
  headers: Record<string, string>,
  body: string,
  signal: AbortSignal,
): Promise<IncomingMessage> {
  const request = url.protocol === 'https:' ? httpsRequest : httpRequest
  return new Promise((resolve, reject) => {
    const asking = request(url, { method: 'POST', headers, signal }, resolve)
    asking.on('error', reject)
    asking.end(body)
  })
}

/** The data of a stream's events (https://html.spec.whatwg.org/#server-sent-events). */
async function* eventData(response: IncomingMessage): AsyncGenerator<string> {
  const data: string[] = []
  for await (const line of createInterface({ input: response })) {
    if (line.startsWith('data:')) data.push(line.slice(5))
    else if (line === '' && data.length > 0) {
      const text = data.splice(0).join('\n').trim()
      if (text !== '') yield text
    }
  }
}

/** As the specification has it for what is no plain ASCII. */
function headerText(text: string): string {
  if (/^[\x21-\x7e]([\x20-\x7e]*[\x21-\x7e])?$/.test(text)) return text
  return `=?base64?${Buffer.from(text).toString('base64')}?=`
}
