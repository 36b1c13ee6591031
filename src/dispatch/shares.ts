/**
 * How many runs each caller has in hand, and whether it may have one more. In hand is what runs, and what has
 * run and whose answer the caller has not read yet. Alone a caller may have
 * all executors. While another caller waits that has less than its share, it starts none beyond its
 * own share, which is that of all executors divided by the callers that wait or run.
 */
export class Shares {
  readonly #maxExecutors: number
  readonly #inProgress = new Map<string, number>()

  readonly #unreadOf: (caller: string) => number

  /**
   * @param maxExecutors executors that there may be at once
   * @param unreadOf answers that a caller has not read yet
   */
  constructor(maxExecutors: number, unreadOf: (caller: string) => number = () => 0) {
    this.#maxExecutors = maxExecutors
    this.#unreadOf = unreadOf
  }

  begin(caller: string): void {
    this.#inProgress.set(caller, this.#runsOf(caller) + 1)
  }

  end(caller: string): void {
    const count = this.#runsOf(caller) - 1
    if (count > 0) this.#inProgress.set(caller, count)
    else this.#inProgress.delete(caller)
  }

  /** @param waiting callers that wait, for whatever runtime */
  mayStart(caller: string, waiting: ReadonlySet<string>): boolean {
    const own = this.#inHand(caller)
    if (own === 0) return true
    const callers = new Set([caller, ...waiting, ...this.#inProgress.keys()])
    const share = Math.max(1, Math.floor(this.#maxExecutors / callers.size))
    if (own < share) return true
    for (const other of waiting) {
      if (other !== caller && this.#inHand(other) < share) return false
    }
    return true
  }

  #inHand(caller: string): number {
    return this.#runsOf(caller) + this.#unreadOf(caller)
  }

  #runsOf(caller: string): number {
    return this.#inProgress.get(caller) ?? 0
  }
}
