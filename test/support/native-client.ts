import Ajv from 'ajv/dist/2020.js'

/** An event of a stream. */
export interface SseEvent {
  readonly id: string
  readonly event: string
  // biome-ignore lint/suspicious/noExplicitAny: tests look into it
  readonly data: any
}

/**
 * A caller of the native API. Every answer is checked by the schema that the service itself describes it
 * with, and a wrong one fails the test.
 */
export class NativeClient {
  url = ''
  #ajv: Ajv.default | null = null

  /** @returns the answer, whose body was checked */
  async post(path: string, body: unknown, init: RequestInit = {}): Promise<Checked> {
    const isForm = body instanceof FormData
    const headers = { ...(isForm ? {} : { 'content-type': 'application/json' }), ...init.headers }
    const text = isForm || typeof body === 'string' ? body : JSON.stringify(body)
    return this.fetch(path, { ...init, method: 'POST', headers, body: text })
  }

  async run(run: object, init: RequestInit = {}): Promise<Checked> {
    return this.post('/v1/runs', run, init)
  }

  async fetch(path: string, init: RequestInit = {}): Promise<Checked> {
    const response = await fetch(this.url + path, init)
    const { status, headers } = response
    const text = await response.text()
    const type = headers.get('content-type') ?? ''
    const body = type.includes('json') ? JSON.parse(text) : text
    if (status >= 400) {
      if (!type.includes('application/problem+json')) throw new Error(`${status} ${type}: ${text}`)
      await this.check('Problem', body)
    } else if (type.includes('json')) {
      const name = schemaOf(init.method ?? 'GET', path, status)
      if (name !== null) await this.check(name, body)
    }
    return { status, headers, body, text }
  }

  /** The events of a run; each was checked. */
  async *events(path: string, body: unknown, init: RequestInit = {}): AsyncGenerator<SseEvent> {
    yield* this.#eventsOf(path, {
      method: 'POST',
      body: JSON.stringify(body),
      ...init,
      headers: { 'content-type': 'application/json', accept: 'text/event-stream', ...init.headers },
    })
  }

  /** The events of an accepted run; each was checked. */
  eventsOfRun(id: string, init: RequestInit = {}): AsyncGenerator<SseEvent> {
    return this.#eventsOf(`/v1/runs/${id}/events`, init)
  }

  async *#eventsOf(path: string, init: RequestInit): AsyncGenerator<SseEvent> {
    const response = await fetch(this.url + path, init)
    if (response.status !== 200) throw new Error(`${response.status}: ${await response.text()}`)
    let text = ''
    for await (const chunk of response.body?.pipeThrough(new TextDecoderStream()) ?? []) {
      text += chunk
      const blocks = text.split('\n\n')
      text = blocks.pop() ?? ''
      for (const block of blocks) {
        const event = parseEvent(block)
        if (!event) continue
        if (path.startsWith('/v1/runs')) {
          const own = `Event${event.event[0]?.toUpperCase()}${event.event.slice(1)}`
          const isStored = event.event === 'done' && path !== '/v1/runs'
          await this.check(isStored ? 'StoredOutcome' : own, event.data)
        }
        yield event
      }
    }
    if (text !== '') throw new Error(`the stream broke off in an event: ${text.slice(0, 200)}`)
  }

  /** @param name of a schema of `/openapi.json` */
  async check(name: string, value: unknown): Promise<void> {
    this.#ajv ??= await this.#schemas()
    const validate = this.#ajv.getSchema(`api#/components/schemas/${name}`)
    if (!validate) throw new Error(`there is no schema ${name}`)
    if (validate(value)) return
    throw new Error(`${name}: ${JSON.stringify(validate.errors)} in ${JSON.stringify(value)}`)
  }

  async #schemas(): Promise<Ajv.default> {
    const api = (await (await fetch(`${this.url}/openapi.json`)).json()) as object
    const ajv = new Ajv.default({ strict: false, allErrors: true, formats: { 'date-time': true } })
    ajv.addSchema({ $id: 'api', ...api })
    return ajv
  }
}

function schemaOf(method: string, path: string, status: number): string | null {
  const [plain = ''] = path.split('?')
  if (status === 202 || /^\/v1\/runs\/[^/]+$/.test(plain)) return 'RunState'
  if (plain === '/v1/runs' && method === 'GET') return 'RunList'
  return SCHEMAS[plain] ?? null
}

const SCHEMAS: Readonly<Record<string, string>> = {
  '/v1/runs': 'Outcome',
  '/v1/batches': 'BatchAnswer',
  '/v1/templates': 'Templates',
  '/v1/status': 'Status',
}

export interface Checked {
  readonly status: number
  readonly headers: Headers
  // biome-ignore lint/suspicious/noExplicitAny: tests look into it
  readonly body: any
  readonly text: string
}

function parseEvent(block: string): SseEvent | null {
  const fields = block.split('\n').flatMap((line): [string, string][] => {
    const at = line.indexOf(': ')
    return at < 0 ? [] : [[line.slice(0, at), line.slice(at + 2)]]
  })
  const { id, event, data } = Object.fromEntries(fields)
  if (event === undefined) return null
  return { id: id ?? '', event, data: JSON.parse(data ?? 'null') }
}
