import { ExecutorManagerError, errorOf } from './errors.ts'
import { eventsOf } from './events.ts'
import { asRun, bodyOf, type RunToSend } from './files.ts'
import { Sessions } from './sessions.ts'
import { type Options, type Sending, Transport } from './transport.ts'
import type {
  BatchAnswer,
  BatchInput,
  BatchResult,
  EventDisplay,
  EventStarted,
  EventStderr,
  EventStdout,
  Outcome,
  RunState,
  Status,
  StoredFile,
  StoredOutcome,
  Template,
  Templates,
} from './types.ts'

/** An event of a run. The last one is `done`. */
export type RunEvent =
  | { readonly id: string; readonly event: 'started'; readonly data: EventStarted }
  | { readonly id: string; readonly event: 'stdout'; readonly data: EventStdout }
  | { readonly id: string; readonly event: 'stderr'; readonly data: EventStderr }
  | { readonly id: string; readonly event: 'display'; readonly data: EventDisplay }
  | { readonly id: string; readonly event: 'done'; readonly data: Outcome }

/** An event of an accepted run: the files of its outcome are where their `url` says. */
export type AcceptedRunEvent =
  | Exclude<RunEvent, { event: 'done' }>
  | { readonly id: string; readonly event: 'done'; readonly data: StoredOutcome }

export interface SubmitOptions extends CallOptions {
  /** A name for the request: the service executes it once. By default one that is new for each call. */
  readonly idempotencyKey?: string | undefined
}

export interface CallOptions {
  /** Ends the call; what runs for it is canceled. */
  readonly signal?: AbortSignal | undefined
}

/** A client of the native API of an executor manager. */
export class ExecutorManager {
  /** Sandboxes that are kept, with their variables, files and processes. */
  readonly sessions: Sessions
  readonly #transport: Transport

  constructor(options: Options = {}) {
    this.#transport = new Transport(options)
    this.sessions = new Sessions(this.#transport)
  }

  /**
   * Runs a program to its end. A program that fails is an outcome too: see `status`.
   * @throws ExecutorManagerError
   */
  async run(run: RunToSend, { signal }: CallOptions = {}): Promise<Outcome> {
    const body = await bodyOf(run)
    const sending = { method: 'POST', path: '/v1/runs', body, signal } as const
    return this.#json<Outcome>(sending)
  }

  /**
   * Runs a program and tells what it does as it does it. Leaving the loop cancels the run.
   * @throws ExecutorManagerError
   */
  async *stream(run: RunToSend, { signal }: CallOptions = {}): AsyncGenerator<RunEvent, void> {
    const body = await bodyOf(run)
    const headers = { accept: 'text/event-stream' }
    const sending = { method: 'POST', path: '/v1/runs', body, headers, signal } as const
    yield* eventsOf<RunEvent>(await this.#transport.send(sending), signal)
  }

  /**
   * Has a run accepted: it is executed whatever becomes of this client.
   * @returns the run, whose `id` is for the methods below
   * @throws ExecutorManagerError
   */
  async submit(
    run: RunToSend,
    { signal, idempotencyKey = newKey() }: SubmitOptions = {},
  ): Promise<RunState> {
    const body = await bodyOf(run)
    const headers = { prefer: 'respond-async', 'idempotency-key': idempotencyKey }
    const path = '/v1/runs'
    const sending = { method: 'POST', path, body, headers, signal, isRepeatable: true } as const
    return this.#json<RunState>(sending)
  }

  /** An accepted run as it is now. */
  async get(id: string, { signal }: CallOptions = {}): Promise<RunState> {
    return this.#get<RunState>(pathOf(id), signal)
  }

  /**
   * Waits until an accepted run has ended.
   * @throws ExecutorManagerError, also where there is no outcome: `lost`, `canceled`
   */
  async wait(id: string, { signal }: CallOptions = {}): Promise<StoredOutcome> {
    for (;;) {
      const run = await this.#get<RunState>(pathOf(id), signal, { prefer: 'wait=30' })
      if (run.outcome) return run.outcome
      if (run.problem) throw errorOf(run.problem)
    }
  }

  /**
   * The events of an accepted run, from its first or behind one. A stream that breaks off is gone on with.
   * Leaving the loop does nothing to the run.
   * @param after the id of the last event that was seen
   * @throws ExecutorManagerError
   */
  async *events(
    id: string,
    { signal, after = '0' }: CallOptions & { readonly after?: string | undefined } = {},
  ): AsyncGenerator<AcceptedRunEvent, void> {
    const path = `${pathOf(id)}/events`
    let last = after
    for (let isNew = true; ; isNew = false) {
      let hasProgress = isNew
      const headers = { 'last-event-id': last }
      const response = await this.#transport.send({ method: 'GET', path, headers, signal })
      if (response.status === 204) return
      try {
        for await (const event of eventsOf<AcceptedRunEvent>(response, signal)) {
          last = event.id
          hasProgress = true
          yield event
          if (event.event === 'done') return
        }
      } catch (error) {
        const isBroken = error instanceof ExecutorManagerError && error.type === 'broken-stream'
        if (!isBroken || !hasProgress) throw error
      }
    }
  }

  /** The content of a file that an accepted run has left. */
  async readFile(file: StoredFile, { signal }: CallOptions = {}): Promise<Uint8Array<ArrayBuffer>> {
    const sending = { method: 'GET', path: file.url, signal } as const
    return this.#transport.read(
      sending,
      async (answer) => new Uint8Array(await answer.arrayBuffer()),
    )
  }

  /**
   * Cancels an accepted run; one that has ended is removed. It is not sent again when the connection breaks, as the
   * second one would remove what the first has canceled.
   * @returns what it is then; null: it was removed
   * @throws ExecutorManagerError
   */
  async cancel(id: string, { signal }: CallOptions = {}): Promise<RunState | null> {
    const sending = { method: 'DELETE', path: pathOf(id), isRepeatable: false, signal } as const
    return this.#transport.read(sending, async (answer) =>
      answer.status === 204 ? null : ((await answer.json()) as RunState),
    )
  }

  /**
   * Runs many programs, or one with many inputs; at most 100.
   * @returns a result for each, in order: an outcome, or the problem why there is none
   * @throws ExecutorManagerError
   */
  async batch(
    batch:
      | { readonly runs: readonly RunToSend[] }
      | { readonly run: RunToSend; readonly inputs: readonly BatchInput[] },
    { signal }: CallOptions = {},
  ): Promise<BatchResult[]> {
    const whole =
      'runs' in batch
        ? { runs: await Promise.all(batch.runs.map(asRun)) }
        : { run: await asRun(batch.run), inputs: batch.inputs }
    const body = JSON.stringify(whole)
    const sending = { method: 'POST', path: '/v1/batches', body, signal } as const
    return (await this.#json<BatchAnswer>(sending)).results
  }

  /** What runs can be made of. */
  async templates({ signal }: CallOptions = {}): Promise<Template[]> {
    return (await this.#get<Templates>('/v1/templates', signal)).templates
  }

  /** How the service is. */
  async status({ signal }: CallOptions = {}): Promise<Status> {
    return this.#get<Status>('/v1/status', signal)
  }

  #get<T>(
    path: string,
    signal: AbortSignal | undefined,
    headers: Record<string, string> = {},
  ): Promise<T> {
    return this.#json<T>({ method: 'GET', path, headers, signal })
  }

  #json<T>(sending: Sending): Promise<T> {
    return this.#transport.read(sending, async (answer) => (await answer.json()) as T)
  }
}

const pathOf = (id: string) => `/v1/runs/${encodeURIComponent(id)}`

function newKey(): string {
  const bytes = crypto.getRandomValues(new Uint8Array(16))
  return [...bytes].map((byte) => byte.toString(16).padStart(2, '0')).join('')
}
