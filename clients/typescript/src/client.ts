import { ExecutorManagerError, errorOf } from './errors.ts'
import { asRun, bodyOf, type RunToSend } from './files.ts'
import { readEvents } from './sse.ts'
import { type Options, Transport } from './transport.ts'
import type {
  BatchAnswer,
  BatchInput,
  BatchResult,
  EventDisplay,
  EventStarted,
  EventStderr,
  EventStdout,
  Outcome,
  Problem,
  Status,
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

export interface CallOptions {
  /** Ends the call; what runs for it is canceled. */
  readonly signal?: AbortSignal | undefined
}

/** A client of the native API of an executor manager. */
export class ExecutorManager {
  readonly #transport: Transport

  constructor(options: Options = {}) {
    this.#transport = new Transport(options)
  }

  /**
   * Runs a program to its end. A program that fails is an outcome too: see `status`.
   * @throws ExecutorManagerError
   */
  async run(run: RunToSend, { signal }: CallOptions = {}): Promise<Outcome> {
    const body = await bodyOf(run)
    const sending = { method: 'POST', path: '/v1/runs', body, signal } as const
    return this.#json<Outcome>(this.#transport.send(sending), signal)
  }

  /**
   * Runs a program and tells what it does as it does it. Leaving the loop cancels the run.
   * @throws ExecutorManagerError
   */
  async *stream(run: RunToSend, { signal }: CallOptions = {}): AsyncGenerator<RunEvent, void> {
    const body = await bodyOf(run)
    const headers = { accept: 'text/event-stream' }
    const sending = { method: 'POST', path: '/v1/runs', body, headers, signal } as const
    yield* eventsOf(await this.#transport.send(sending), signal)
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
    return (await this.#json<BatchAnswer>(this.#transport.send(sending), signal)).results
  }

  /** What runs can be made of. */
  async templates({ signal }: CallOptions = {}): Promise<Template[]> {
    return (await this.#get<Templates>('/v1/templates', signal)).templates
  }

  /** How the service is. */
  async status({ signal }: CallOptions = {}): Promise<Status> {
    return this.#get<Status>('/v1/status', signal)
  }

  #get<T>(path: string, signal: AbortSignal | undefined): Promise<T> {
    return this.#json<T>(this.#transport.send({ method: 'GET', path, signal }), signal)
  }

  async #json<T>(answer: Promise<Response>, signal: AbortSignal | undefined): Promise<T> {
    const response = await answer
    try {
      return (await response.json()) as T
    } catch (cause) {
      signal?.throwIfAborted()
      const type = cause instanceof SyntaxError ? 'bad-answer' : 'unreachable'
      throw new ExecutorManagerError(type, 'the answer is not complete', { cause })
    }
  }
}

async function* eventsOf(
  response: Response,
  signal: AbortSignal | undefined,
): AsyncGenerator<RunEvent, void> {
  let cause: unknown
  try {
    for await (const { id, event, data: text } of readEvents(response.body as ReadableStream)) {
      const data = JSON.parse(text)
      if (event === 'error') throw errorOf(data as Problem)
      yield { id, event, data } as RunEvent
      if (event === 'done') return
    }
  } catch (error) {
    if (error instanceof ExecutorManagerError) throw error
    cause = error
  }
  signal?.throwIfAborted()
  throw new ExecutorManagerError('broken-stream', 'the events broke off before the run had ended', {
    cause,
  })
}
