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
  #paths: Paths = {}

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
    }
    await this.#checkAnswer(init.method ?? 'GET', path, status, type, body)
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

  /** An address that the service describes answers with what is described, and in its schema. */
  async #checkAnswer(method: string, path: string, status: number, type: string, body: unknown) {
    this.#ajv ??= await this.#schemas()
    const [address = ''] = path.split('?')
    const told = Object.keys(this.#paths).find((pattern) =>
      new RegExp(`^${pattern.replace(/\{\w+\}/g, '[^/]+')}/?$`).test(address),
    )
    if (told === undefined) return
    const operation = this.#paths[told]?.[method.toLowerCase()]
    const what = `${method} ${path}: ${status} ${type}`
    if (!operation) {
      // HEAD comes with GET.
      if (method !== 'HEAD' && ![401, 403, 404, 405].includes(status)) throw new Error(what)
      return
    }
    const [mediaType = ''] = type.split(';')
    const content = operation.responses[status]?.content
    const isAnything = content?.['*/*'] !== undefined
    if (!operation.responses[status] || (content && !content[mediaType] && !isAnything)) {
      throw new Error(`/openapi.json does not tell of ${what}`)
    }
    if (!mediaType.includes('json') || !content?.[mediaType]) return
    const pointer = ['paths', told, method.toLowerCase(), 'responses', status, 'content', mediaType]
      .map((part) => encodeURIComponent(String(part).replaceAll('/', '~1')))
      .join('/')
    const validate = this.#ajv.getSchema(`api#/${pointer}/schema`)
    if (!validate) throw new Error(`there is no schema of ${what}`)
    if (!validate(body)) {
      throw new Error(`${what}: ${JSON.stringify(validate.errors)} in ${JSON.stringify(body)}`)
    }
  }

  async #schemas(): Promise<Ajv.default> {
    const response = await fetch(`${this.url}/openapi.json`)
    const api = (await response.json()) as { paths: Paths }
    this.#paths = api.paths
    const ajv = new Ajv.default({ strict: false, allErrors: true, formats: { 'date-time': true } })
    ajv.addSchema({ $id: 'api', ...api })
    return ajv
  }
}

type Paths = Readonly<Record<string, Readonly<Record<string, Operation>>>>

interface Operation {
  readonly responses: Readonly<
    Record<string, { readonly content?: Readonly<Record<string, object>> }>
  >
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
