import { eventsOf } from './events.ts'
import { Commands } from './session-commands.ts'
import { SessionFiles } from './session-files.ts'
import type { Sending, Transport } from './transport.ts'
import type {
  CommandOutcome,
  CommandRequest,
  Context,
  ContextList,
  ContextRequest,
  EventDisplay,
  EventStarted,
  EventStderr,
  EventStdout,
  Interrupted,
  SessionList,
  SessionOutcome,
  SessionRequest,
  SessionRun,
  Session as State,
} from './types.ts'

/** An event of a run in a session. The last one is `done`. */
export type SessionRunEvent =
  | { readonly id: string; readonly event: 'started'; readonly data: EventStarted }
  | { readonly id: string; readonly event: 'stdout'; readonly data: EventStdout }
  | { readonly id: string; readonly event: 'stderr'; readonly data: EventStderr }
  | { readonly id: string; readonly event: 'display'; readonly data: EventDisplay }
  | { readonly id: string; readonly event: 'done'; readonly data: SessionOutcome }

/** How a run in a session is to be: what is absent is as the service has it. */
export type SessionRunOptions = Partial<Omit<SessionRun, 'code'>> & {
  /** Ends the call, and interrupts the run. */
  readonly signal?: AbortSignal | undefined
}

/** Makes and finds sessions. All methods throw ExecutorManagerError. */
export class Sessions {
  readonly #transport: Transport

  constructor(transport: Transport) {
    this.#transport = transport
  }

  async create(request: Partial<SessionRequest> = {}): Promise<Session> {
    const sending = { method: 'POST', path: '/v1/sessions', body: JSON.stringify(request) } as const
    return new Session(this.#transport, await json<State>(this.#transport, sending))
  }

  /** A session that was created before. */
  async get(id: string): Promise<Session> {
    const path = `/v1/sessions/${encodeURIComponent(id)}`
    return new Session(this.#transport, await json<State>(this.#transport, { method: 'GET', path }))
  }

  async list(): Promise<Session[]> {
    const sending = { method: 'GET', path: '/v1/sessions' } as const
    const { sessions } = await json<SessionList>(this.#transport, sending)
    return sessions.map((state) => new Session(this.#transport, state))
  }
}

/** A sandbox that is kept. All methods throw ExecutorManagerError. */
export class Session {
  readonly id: string
  /** As it was when this object was made. */
  readonly state: State
  readonly contexts: Contexts
  /** Commands that go on in the background. */
  readonly commands: Commands
  readonly files: SessionFiles
  readonly #transport: Transport
  readonly #path: string

  constructor(transport: Transport, state: State) {
    this.id = state.id
    this.state = state
    this.#transport = transport
    this.#path = `/v1/sessions/${encodeURIComponent(state.id)}`
    this.contexts = new Contexts(transport, `${this.#path}/contexts`)
    this.commands = new Commands(transport, `${this.#path}/commands`)
    this.files = new SessionFiles(transport, this.#path)
  }

  /**
   * Runs code with the variables that earlier runs have left. A program that fails is an outcome too: see `status`.
   */
  run(code: string, { signal, ...options }: SessionRunOptions = {}): Promise<SessionOutcome> {
    const body = JSON.stringify({ ...options, code })
    return json(this.#transport, { method: 'POST', path: `${this.#path}/runs`, body, signal })
  }

  /** Runs code and tells what it does as it does it. Leaving the loop interrupts the run. */
  async *stream(
    code: string,
    { signal, ...options }: SessionRunOptions = {},
  ): AsyncGenerator<SessionRunEvent, void> {
    const body = JSON.stringify({ ...options, code })
    const headers = { accept: 'text/event-stream' }
    const path = `${this.#path}/runs`
    const sending = { method: 'POST', path, body, headers, signal } as const
    yield* eventsOf<SessionRunEvent>(await this.#transport.send(sending), signal)
  }

  /** Interrupts what runs in a context, as control-C does. @returns whether something ran */
  async interrupt(context: string): Promise<boolean> {
    return this.contexts.interrupt(context)
  }

  /** Interrupts a run by the id that its event `started` tells, and ends its context if that does not help. */
  async cancel(run: string): Promise<void> {
    const path = `${this.#path}/runs/${encodeURIComponent(run)}`
    await this.#transport.read({ method: 'DELETE', path }, async () => {})
  }

  /** Runs a command to its end. */
  command(command: string, options: Partial<CommandRequest> = {}): Promise<CommandOutcome> {
    const body = JSON.stringify({ ...options, command })
    return json(this.#transport, { method: 'POST', path: `${this.#path}/commands`, body })
  }

  /** Writes it to disk now, if nobody uses it; its next use wakes it. */
  pause(): Promise<State> {
    return json(this.#transport, { method: 'POST', path: `${this.#path}/pause` })
  }

  /** Ends it with all that it has. */
  async delete(): Promise<void> {
    await this.#transport.read({ method: 'DELETE', path: this.#path }, async () => {})
  }
}

/** The contexts of a session: each has variables of its own. */
export class Contexts {
  readonly #transport: Transport
  readonly #path: string

  constructor(transport: Transport, path: string) {
    this.#transport = transport
    this.#path = path
  }

  create(request: Pick<ContextRequest, 'language'> & Partial<ContextRequest>): Promise<Context> {
    return json(this.#transport, {
      method: 'POST',
      path: this.#path,
      body: JSON.stringify(request),
    })
  }

  async list(): Promise<Context[]> {
    const sending = { method: 'GET', path: this.#path } as const
    return (await json<ContextList>(this.#transport, sending)).contexts
  }

  get(id: string): Promise<Context> {
    return json(this.#transport, { method: 'GET', path: this.#one(id) })
  }

  /** Interrupts what runs in it, as control-C does. @returns whether something ran */
  async interrupt(id: string): Promise<boolean> {
    const sending = { method: 'POST', path: `${this.#one(id)}/interrupt` } as const
    return (await json<Interrupted>(this.#transport, sending)).interrupted
  }

  /** Begins it anew, without variables. */
  restart(id: string): Promise<Context> {
    return json(this.#transport, { method: 'POST', path: `${this.#one(id)}/restart` })
  }

  async delete(id: string): Promise<void> {
    await this.#transport.read({ method: 'DELETE', path: this.#one(id) }, async () => {})
  }

  #one(id: string): string {
    return `${this.#path}/${encodeURIComponent(id)}`
  }
}

function json<T>(transport: Transport, sending: Sending): Promise<T> {
  return transport.read(sending, async (answer) => (await answer.json()) as T)
}
