/** A caller counts as present for this long after it asked for a run. */
const PRESENT_MS = 60_000

/**
 * How many runs each caller has in hand, and whether it may have one more. In hand is what runs, and what has
 * run and whose answer the caller has not read yet.
 *
 *   Alone a caller may have all executors.
 *   While another caller waits that has less than its share, it starts none beyond its own share, which is
 *   that of all executors divided by the callers that wait or run.
 *   While another caller is present, whoever has a run in hand leaves each pool its last ready executor: a
 *   caller with none finds one at once, however many the others have. Not where pools keep one executor
 *   alone, for nothing would be left to lease.
 */
export class Shares {
  readonly #maxExecutors: number
  readonly #poolSize: number
  readonly #unreadOf: (caller: string) => number
  readonly #inProgress = new Map<string, number>()
  /** The caller that asked last, and the last one that is another. */
  #last = { caller: '', atMs: Number.NEGATIVE_INFINITY }
  #lastOther = this.#last

  /**
   * @param maxExecutors executors that there may be at once
   * @param poolSize executors that a pool keeps ready
   * @param unreadOf answers that a caller has not read yet
   */
  constructor(
    maxExecutors: number,
    poolSize: number,
    unreadOf: (caller: string) => number = () => 0,
  ) {
    this.#maxExecutors = maxExecutors
    this.#poolSize = poolSize
    this.#unreadOf = unreadOf
  }

  /** A caller asks for a run. */
  ask(caller: string, nowMs: number): void {
    if (caller !== this.#last.caller) this.#lastOther = this.#last
    this.#last = { caller, atMs: nowMs }
  }

  /** Ready executors that a caller leaves in a pool for others: 0 or 1. */
  leaves(caller: string, nowMs: number): number {
    const other = caller === this.#last.caller ? this.#lastOther : this.#last
    const isAlone = nowMs - other.atMs > PRESENT_MS
    return isAlone || this.#poolSize === 1 || this.#inHand(caller) === 0 ? 0 : 1
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
