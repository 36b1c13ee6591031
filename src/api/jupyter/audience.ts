import type { Budget, Entry } from '../accounts.ts'
import type { Connection } from './channel.ts'
import type { KernelMessage } from './message.ts'

/** What is kept of messages for a client that is away. */
const MAX_BUFFER_BYTES = 1024 ** 2
const OVERHEAD_BYTES = 200

interface Kept {
  readonly message: KernelMessage
  readonly parentJson: string
  readonly bytes: number
}

/**
 * The clients of one kernel. What a kernel publishes goes to all of them, what it replies to the one that has asked.
 * When the last one goes, messages are kept for it, the latest of them, until it or another one comes.
 */
export class Audience {
  readonly #connections = new Set<Connection>()
  readonly #budget: Budget
  readonly #caller: string
  #away: { readonly session: string; kept: Kept[]; bytes: number; entry: Entry } | null = null

  #isClosed = false

  /** @param budget of what is kept */
  constructor(budget: Budget, caller: string) {
    this.#budget = budget
    this.#caller = caller
  }

  get size(): number {
    return this.#connections.size
  }

  join(connection: Connection): void {
    this.#connections.add(connection)
    const away = this.#forget()
    if (away?.session !== connection.session) return
    for (const { message, parentJson } of away.kept) connection.send(message, parentJson)
  }

  leave(connection: Connection): void {
    if (!this.#connections.delete(connection) || this.#connections.size > 0) return
    if (this.#isClosed) return
    this.#away = { session: connection.session, kept: [], bytes: 0, entry: this.#account() }
  }

  /** Tells everybody. */
  publish(message: KernelMessage, parentJson: string): void {
    for (const connection of this.#connections) connection.send(message, parentJson)
    if (this.#away) this.#keep({ message, parentJson })
  }

  /** Tells the client that has this session. */
  reply(session: string, message: KernelMessage, parentJson: string): void {
    for (const connection of this.#connections) {
      if (connection.session === session) connection.send(message, parentJson)
    }
    if (this.#away?.session === session) this.#keep({ message, parentJson })
  }

  /** Ends all connections. */
  close(): void {
    this.#isClosed = true
    for (const connection of [...this.#connections]) connection.close()
    this.#forget()
  }

  #keep({ message, parentJson }: Omit<Kept, 'bytes'>): void {
    const away = this.#away
    if (!away) return
    const bytes = 2 * (message.contentJson.length + parentJson.length) + OVERHEAD_BYTES
    away.kept.push({ message, parentJson, bytes })
    away.bytes += bytes
    if (away.bytes <= MAX_BUFFER_BYTES && away.entry.add(bytes)) return
    while (away.bytes > MAX_BUFFER_BYTES / 2) away.bytes -= away.kept.shift()?.bytes ?? 0
    // An entry takes no bytes back.
    away.entry.release()
    away.entry = this.#account()
    if (!away.entry.add(away.bytes)) this.#forget()
  }

  #account(): Entry {
    return this.#budget.open(this.#caller, () => void this.#forget())
  }

  #forget() {
    const away = this.#away
    this.#away = null
    away?.entry.release()
    return away
  }
}
