import type { RunEvent } from '../run/types.ts'
import type { StoreThread } from './thread.ts'
import type { Words } from './words.ts'

/** Output that comes within this time is one event. */
const BATCH_MS = 40

/**
 * Writes down what a run tells: events that come close together in one go, output of one stream as one of
 * them. Nothing is written before begin(), for a run that does not begin is run again.
 */
export class Recorder {
  readonly #id: string
  readonly #thread: StoreThread
  readonly #words: ReturnType<Words['eventsOf']>
  readonly #onWritten: () => void
  #events: RunEvent[] = []
  #told: { name: string; data: string }[] = []
  #hasBegun = false
  #timer: NodeJS.Timeout | null = null
  #writing: Promise<void> = Promise.resolve()

  /** @param onWritten told when events can be read */
  constructor(id: string, thread: StoreThread, words: Words, onWritten: () => void) {
    this.#id = id
    this.#thread = thread
    this.#onWritten = onWritten
    this.#words = words.eventsOf(id, (name, data) => this.#told.push({ name, data }))
  }

  /** Takes an event; must not throw. */
  tell(event: RunEvent): void {
    this.#events.push(event)
    if (this.#hasBegun) this.#writeSoon()
  }

  begin(): void {
    this.#hasBegun = true
    this.#writeSoon()
  }

  /** Writes what is left. @throws ManagerError STORE_FAILED; may be called again */
  async end(): Promise<void> {
    clearTimeout(this.#timer ?? undefined)
    await this.#writing
    this.#take()
    this.#words.end()
    await this.#write()
  }

  #writeSoon(): void {
    this.#timer ??= setTimeout(() => {
      this.#timer = null
      this.#take()
      // What cannot be written now is written with what comes next, or in the end.
      this.#writing = this.#writing.then(() => this.#write()).catch(() => {})
    }, BATCH_MS)
  }

  #take(): void {
    const events = this.#events
    this.#events = []
    for (let at = 0; at < events.length; ) {
      const event = events[at] as RunEvent
      if (event.type !== 'stdout' && event.type !== 'stderr') {
        this.#words.tell(event)
        at++
        continue
      }
      const pieces: Buffer[] = []
      for (let next = events[at]; next?.type === event.type; next = events[++at]) {
        pieces.push((next as typeof event).bytes)
      }
      this.#words.tell({ type: event.type, bytes: Buffer.concat(pieces) })
    }
  }

  async #write(): Promise<void> {
    const told = this.#told
    if (told.length === 0) return
    this.#told = []
    try {
      await this.#thread.ask('append', this.#id, told)
    } catch (error) {
      this.#told = [...told, ...this.#told]
      throw error
    }
    this.#onWritten()
  }
}
