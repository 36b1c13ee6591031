import type { ServerResponse } from 'node:http'
import type { Budget } from './accounts.ts'
import { Watch } from './watch.ts'

/** What an answer holds beside its text. */
const OVERHEAD_BYTES = 1024

/**
 * Answers on their way to their callers. Each is on its caller's account until the operating system has
 * taken the last of it, and is ended when the caller does not read it.
 */
export class Answers {
  readonly #budget: Budget
  readonly #watch = new Watch()

  constructor(budget: Budget) {
    this.#budget = budget
  }

  /** Answers of a caller that it has not read. */
  unreadOf(caller: string): number {
    return this.#budget.entriesOf(caller)
  }

  /** Whether a caller may have another answer made before it has read those that are there. */
  hasRoomFor(caller: string): boolean {
    return this.#budget.hasRoom(caller)
  }

  /**
   * Holds an answer until it has gone out.
   * @param bytes that it takes
   * @returns to be told of each piece that goes to the connection
   */
  hold(caller: string, bytes: number, response: ServerResponse): (sentBytes: number) => void {
    let sent = 0
    const give = (sentBytes: number) => {
      sent += sentBytes
    }
    if (response.closed || response.destroyed) return give
    const drop = () => response.destroy()
    const entry = this.#budget.open(caller, drop)
    entry.force(OVERHEAD_BYTES + bytes)
    const unwatch = this.#watch.add({ moved: () => sent, slow: drop })
    response.once('close', () => {
      unwatch()
      entry.release()
    })
    return give
  }
}
