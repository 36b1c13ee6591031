import { eventsOf } from './events.ts'
import type { Transport } from './transport.ts'
import type {
  CommandList,
  CommandOutput,
  CommandRequest,
  SignalRequest,
  Command as State,
  StdinRequest,
} from './types.ts'

/** An event of the output of a command. The last one is `done`. */
export type CommandEvent =
  | {
      readonly event: 'stdout' | 'stderr'
      readonly data: { readonly text: string; readonly next_offset?: number }
    }
  | {
      readonly event: 'dropped'
      readonly data: { readonly bytes: number; readonly next_offset: number }
    }
  | { readonly event: 'done'; readonly data: State }

/** Commands of a session that go on in the background. All methods throw ExecutorManagerError. */
export class Commands {
  readonly #transport: Transport
  readonly #path: string

  constructor(transport: Transport, path: string) {
    this.#transport = transport
    this.#path = path
  }

  /** Starts a line for bash. */
  async start(command: string, options: Partial<CommandRequest> = {}): Promise<Command> {
    const body = JSON.stringify({ ...options, command, background: true })
    const sending = { method: 'POST', path: this.#path, body } as const
    const state = await this.#transport.read(sending, async (answer) => answer.json())
    return new Command(this.#transport, this.#path, state as State)
  }

  async list(): Promise<Command[]> {
    const sending = { method: 'GET', path: this.#path } as const
    const { commands } = await this.#transport.read(
      sending,
      async (answer) => (await answer.json()) as CommandList,
    )
    return commands.map((state) => new Command(this.#transport, this.#path, state))
  }
}

/** A command in the background. */
export class Command {
  readonly id: string
  /** As it was when this object was made. */
  readonly state: State
  readonly #transport: Transport
  readonly #path: string

  constructor(transport: Transport, path: string, state: State) {
    this.id = state.id
    this.state = state
    this.#transport = transport
    this.#path = `${path}/${encodeURIComponent(state.id)}`
  }

  /** How it is now. */
  refresh(): Promise<State> {
    return this.#get('')
  }

  /** What is there of its output, from a byte on. */
  output(offset = 0): Promise<CommandOutput> {
    return this.#get(`/output?offset=${offset}`)
  }

  /** Its output as it comes, from a byte on, until it has ended. Leaving the loop leaves it running. */
  async *events(offset = 0, signal?: AbortSignal): AsyncGenerator<CommandEvent, void> {
    const path = `${this.#path}/output?offset=${offset}`
    const headers = { accept: 'text/event-stream' }
    const response = await this.#transport.send({ method: 'GET', path, headers, signal })
    yield* eventsOf<CommandEvent>(response, signal)
  }

  /** Sends to its standard input. */
  write(text: string): Promise<void> {
    return this.#post('/stdin', { text })
  }

  /** Ends its standard input. */
  closeInput(): Promise<void> {
    return this.#post('/stdin', { close: true })
  }

  /** Signals it and its group. */
  signal(signal: SignalRequest['signal']): Promise<void> {
    return this.#post('/signal', { signal })
  }

  /** Ends it with its group, and forgets it. */
  async delete(): Promise<void> {
    await this.#transport.read({ method: 'DELETE', path: this.#path }, async () => {})
  }

  #get<T>(rest: string): Promise<T> {
    const sending = { method: 'GET', path: this.#path + rest } as const
    return this.#transport.read(sending, async (answer) => (await answer.json()) as T)
  }

  async #post(rest: string, body: Partial<StdinRequest & SignalRequest>): Promise<void> {
    const sending = { method: 'POST', path: this.#path + rest, body: JSON.stringify(body) } as const
    await this.#transport.read(sending, async () => {})
  }
}
