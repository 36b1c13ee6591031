import type { SessionState } from './lifecycle.ts'

/** A state that a session entered, and why. */
export interface SessionEvent {
  /** From 1 on, in order. */
  readonly number: number
  readonly state: SessionState
  readonly why: string
  readonly atMs: number
  /** When it will be dropped for want of disk; null: it will not. */
  readonly dropsAtMs: number | null
}

/** How many of the latest events of a session are kept. */
const KEPT = 64

/** What became of a session since this manager has it. */
export class History {
  #events: SessionEvent[] = []
  readonly #listeners = new Set<(event: SessionEvent) => void>()

  /** Notes that a state was entered, or is to be left as `dropsAtMs` says, and tells all listeners. */
  add(state: SessionState, why: string, dropsAtMs: number | null = null): void {
    const number = (this.#events.at(-1)?.number ?? 0) + 1
    const event = { number, state, why, atMs: Date.now(), dropsAtMs }
    this.#events = [...this.#events, event].slice(-KEPT)
    for (const listener of this.#listeners) listener(event)
  }

  /**
   * Tells of the events after a number that are kept, at once, and then of each that comes.
   * @param listener must not throw
   * @returns ends it
   */
  follow(after: number, listener: (event: SessionEvent) => void): () => void {
    for (const event of this.#events) if (event.number > after) listener(event)
    this.#listeners.add(listener)
    return () => this.#listeners.delete(listener)
  }
}
