import { type ErrorType, ExecutorManagerError, errorOfAnswer } from './errors.ts'

/** How to reach the service. */
export interface Options {
  /** By default EXECUTOR_MANAGER_URL of the environment, or `http://127.0.0.1:9385`. */
  readonly url?: string | undefined
  /** An API key, where the service asks for one; by default EXECUTOR_MANAGER_API_KEY of the environment. */
  readonly key?: string | undefined
  /** How often a request is sent again when nothing of it has been done; by default 3. */
  readonly retries?: number | undefined
  /** By default the global one. */
  readonly fetch?: typeof fetch | undefined
}

export interface Sending {
  readonly method: 'GET' | 'POST' | 'PUT' | 'DELETE'
  readonly path: string
  /** Of a POST JSON, of a PUT the bytes of a file. */
  readonly body?: string | Uint8Array | Blob
  readonly headers?: Readonly<Record<string, string>>
  /** Sending it twice does no more than once. By default so of GET and DELETE. */
  readonly isRepeatable?: boolean
  readonly signal?: AbortSignal | undefined
}

/** Browsers have none. */
const environment =
  (globalThis as { process?: { env?: Record<string, string | undefined> } }).process?.env ?? {}
const FIRST_DELAY_MS = 250
const MAX_DELAY_MS = 8000
/** A service that asks for more than this is not waited for. */
const MAX_RETRY_AFTER_MS = 60_000

/** With these the service says that it has not begun. */
const NOT_BEGUN: readonly ErrorType[] = [
  'rate-limited',
  'too-much-held',
  'no-executor',
  'shutting-down',
]
/** The connection was not made, so nothing was sent. */
const NOT_SENT = ['ECONNREFUSED', 'ENOTFOUND', 'EAI_AGAIN', 'UND_ERR_CONNECT_TIMEOUT']

/** Sends requests, again where that can help and nothing is done twice. */
export class Transport {
  readonly #url: string
  readonly #headers: Readonly<Record<string, string>>
  readonly #retries: number
  readonly #fetch: typeof fetch

  constructor({
    url,
    key = environment.EXECUTOR_MANAGER_API_KEY,
    retries = 3,
    fetch: own,
  }: Options) {
    const chosen = url ?? environment.EXECUTOR_MANAGER_URL ?? 'http://127.0.0.1:9385'
    this.#url = chosen.replace(/\/+$/, '')
    this.#headers = key ? { authorization: `Bearer ${key}` } : {}
    this.#retries = retries
    this.#fetch = own ?? ((input, init) => fetch(input, init))
  }

  /**
   * @returns an answer of success, whose body has not been read
   * @throws ExecutorManagerError, or the signal's reason
   */
  send(sending: Sending): Promise<Response> {
    return this.read(sending, async (response) => response)
  }

  /**
   * Sends a request and reads the answer; a connection that breaks in the body counts like one that breaks before.
   * @param take reads the body of an answer of success
   * @throws ExecutorManagerError, or the signal's reason
   */
  async read<T>(sending: Sending, take: (response: Response) => Promise<T>): Promise<T> {
    for (let attempt = 0; ; attempt++) {
      try {
        const response = await this.#sendOnce(sending)
        return await taken(take(response), sending.signal)
      } catch (error) {
        if (!(error instanceof ExecutorManagerError) || attempt >= this.#retries) throw error
        const isRepeatable = sending.isRepeatable ?? sending.method !== 'POST'
        const delayMs = delayOf(error, attempt, isRepeatable)
        if (delayMs === null) throw error
        await pause(delayMs, sending.signal)
      }
    }
  }

  async #sendOnce({ method, path, body, headers, signal }: Sending): Promise<Response> {
    const kind = method === 'PUT' ? 'application/octet-stream' : 'application/json'
    const type = body === undefined ? {} : { 'content-type': kind }
    const init: RequestInit = { method, headers: { ...this.#headers, ...type, ...headers } }
    if (body !== undefined) init.body = body as NonNullable<RequestInit['body']>
    if (signal) init.signal = signal
    let response: Response
    try {
      response = await this.#fetch(this.#url + path, init)
    } catch (cause) {
      signal?.throwIfAborted()
      throw unreachable(this.#url, cause)
    }
    if (response.ok) return response
    throw await errorOfAnswer(response)
  }
}

async function taken<T>(body: Promise<T>, signal: AbortSignal | undefined): Promise<T> {
  try {
    return await body
  } catch (cause) {
    signal?.throwIfAborted()
    const type = cause instanceof SyntaxError ? 'bad-answer' : 'unreachable'
    throw new ExecutorManagerError(type, 'the answer is not complete', { cause })
  }
}

function unreachable(url: string, cause: unknown): ExecutorManagerError {
  const inner = cause instanceof Error && cause.cause instanceof Error ? cause.cause : cause
  const said = codeOf(cause) || (inner instanceof Error ? inner.message : String(inner))
  return new ExecutorManagerError('unreachable', `${url} does not answer: ${said}`, { cause })
}

function codeOf(error: unknown): string {
  const { cause } = error as { cause?: { code?: string; errors?: { code?: string }[] } }
  return cause?.code ?? cause?.errors?.[0]?.code ?? ''
}

/** @returns null where it must not be sent again */
function delayOf(error: ExecutorManagerError, attempt: number, isRepeatable: boolean) {
  const { type, status, retryAfterMs } = error
  const isUndone =
    NOT_BEGUN.includes(type) || (type === 'unreachable' && NOT_SENT.includes(codeOf(error.cause)))
  const canHelp = type === 'unreachable' || status === 429 || (status ?? 0) >= 502
  if (!isUndone && !(isRepeatable && canHelp)) return null
  if (retryAfterMs !== null && retryAfterMs > MAX_RETRY_AFTER_MS) return null
  // Spread, so that callers that were refused together do not come back together.
  const delayMs = Math.min(MAX_DELAY_MS, FIRST_DELAY_MS * 2 ** attempt) * (0.5 + Math.random() / 2)
  return Math.max(delayMs, retryAfterMs ?? 0)
}

function pause(ms: number, signal?: AbortSignal): Promise<void> {
  return new Promise((resolve, reject) => {
    signal?.throwIfAborted()
    const onAbort = () => {
      clearTimeout(timer)
      reject(signal?.reason)
    }
    const timer = setTimeout(() => {
      signal?.removeEventListener('abort', onAbort)
      resolve()
    }, ms)
    signal?.addEventListener('abort', onAbort, { once: true })
  })
}
