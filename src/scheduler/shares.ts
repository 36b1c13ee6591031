/**
 * How many runs each caller has in progress, and whether it may have one more. Alone a caller may have
 * all executors. While another caller waits that has less than its share, it starts none beyond its
 * own share, which is that of all executors divided by the callers that wait or run.
 */
export class Shares {
  readonly #maxExecutors: number
  readonly #inProgress = new Map<string, number>()

  /** @param maxExecutors executors that there may be at once */
  constructor(maxExecutors: number) {
    this.#maxExecutors = maxExecutors
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
    const own = this.#runsOf(caller)
    if (own === 0) return true
    const callers = new Set([...waiting, ...this.#inProgress.keys()])
    const share = Math.max(1, Math.floor(this.#maxExecutors / callers.size))
    if (own < share) return true
    for (const other of waiting) {
      if (other !== caller && this.#runsOf(other) < share) return false
    }
    return true
  }

  #runsOf(caller: string): number {
    return this.#inProgress.get(caller) ?? 0
  }
}
