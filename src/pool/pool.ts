import type { Executor, ExecutorFactory } from './executor.ts'
import type { Gate } from './gate.ts'
import { Slot, type SlotState } from './slot.ts'

export interface PoolOptions {
  /** Ready executors to keep. */
  readonly size: number
  readonly create: ExecutorFactory
  readonly gate: Gate
  readonly events: PoolEvents
}

/** What a pool tells; none of these may throw. */
export interface PoolEvents {
  /** An executor can be leased. */
  ready(): void
  createFailed(error: Error): void
  disposeFailed(error: Error): void
  diedWaiting(): void
}

const FIRST_RETRY_MS = 250
const LAST_RETRY_MS = 30_000

/**
 * The executors of one runtime. It keeps `size` of them ready: what is leased is never given back but
 * replaced in the background. See slot.ts for the life of one.
 */
export class Pool {
  readonly #options: PoolOptions
  readonly #slots = new Set<Slot>()
  readonly #work = new Set<Promise<void>>()
  #failures = 0
  #retry: NodeJS.Timeout | null = null
  #closing = false

  constructor(options: PoolOptions) {
    this.#options = options
    options.gate.onFree(() => this.#fill())
  }

  /** Begins to fill; returns at once. */
  start(): void {
    this.#fill()
  }

  count(state: SlotState): number {
    let count = 0
    for (const slot of this.#slots) if (slot.state === state) count++
    return count
  }

  /** The executor that has been ready longest, for one run, or null when none is. */
  tryLease(): Executor | null {
    if (this.#closing) return null
    for (const slot of this.#slots) {
      if (slot.state !== 'ready') continue
      slot.toLeased()
      // Not at once: what makes the next one would take time from this run's hand-over.
      setImmediate(() => this.#fill())
      return slot.executor
    }
    return null
  }

  /** Takes back what was leased: it is destroyed, and replaced. */
  release(executor: Executor): void {
    for (const slot of this.#slots) {
      if (slot.state === 'leased' && slot.executor === executor) {
        this.#track(this.#dispose(slot))
        return
      }
    }
    // A close has taken it from its run.
    if (this.#closing) return
    throw new Error(`executor ${executor.id} is not on lease`)
  }

  /** Destroys all executors, leased ones too, and resolves when nothing of them is left. */
  async close(): Promise<void> {
    this.#closing = true
    if (this.#retry) clearTimeout(this.#retry)
    for (const slot of this.#slots) {
      if (slot.state === 'ready' || slot.state === 'leased') this.#track(this.#dispose(slot))
    }
    while (this.#work.size > 0) await Promise.all(this.#work)
  }

  #fill(): void {
    if (this.#closing || this.#retry) return
    while (this.count('ready') + this.count('warming') < this.#options.size) {
      if (!this.#options.gate.tryEnter()) return
      const slot = new Slot()
      this.#slots.add(slot)
      this.#track(this.#make(slot))
    }
  }

  async #make(slot: Slot): Promise<void> {
    const { gate, create, events } = this.#options
    let executor: Executor
    try {
      executor = await create()
    } catch (error) {
      this.#slots.delete(slot)
      slot.toGone()
      this.#holdBack()
      events.createFailed(error as Error)
      gate.made()
      gate.left()
      return
    }
    this.#failures = 0
    slot.toReady(executor)
    gate.made()
    if (this.#closing) {
      await this.#dispose(slot)
      return
    }
    void executor.ended.then(() => {
      if (slot.state !== 'ready') return
      events.diedWaiting()
      this.#track(this.#dispose(slot))
    })
    events.ready()
  }

  async #dispose(slot: Slot): Promise<void> {
    slot.toDisposing()
    try {
      await slot.executor.dispose()
    } catch (error) {
      this.#options.events.disposeFailed(error as Error)
    }
    slot.toGone()
    this.#slots.delete(slot)
    this.#options.gate.left()
    this.#fill()
  }

  /** After a failure nothing is made for a while, longer each time, and not by all pools at once. */
  #holdBack(): void {
    if (this.#retry || this.#closing) return
    const longest = Math.min(FIRST_RETRY_MS * 2 ** this.#failures++, LAST_RETRY_MS)
    this.#retry = setTimeout(
      () => {
        this.#retry = null
        this.#fill()
      },
      longest * (0.5 + Math.random() / 2),
    )
  }

  #track(work: Promise<void>): void {
    this.#work.add(work)
    void work.finally(() => this.#work.delete(work))
  }
}
