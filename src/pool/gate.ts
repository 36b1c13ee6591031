/**
 * What the pools of all runtimes share: how many executors are made at once, and how many there may
 * be in all. Places are taken and given back in one synchronous step.
 */
export class Gate {
  readonly #maxMaking: number
  readonly #maxAlive: number
  readonly #waiting = new Set<() => void>()
  #making = 0
  #alive = 0

  constructor(maxMaking: number, maxAlive: number) {
    this.#maxMaking = maxMaking
    this.#maxAlive = maxAlive
  }

  /** Takes a place for an executor that is about to be made. */
  tryEnter(): boolean {
    if (this.#making >= this.#maxMaking || this.#alive >= this.#maxAlive) return false
    this.#making++
    this.#alive++
    return true
  }

  /** The making is over, well or badly. */
  made(): void {
    this.#making--
    this.#wake()
  }

  /** An executor is gone. */
  left(): void {
    this.#alive--
    this.#wake()
  }

  /** Takes a place for a sandbox that no pool has, until it is removed; beyond the bound if it must. */
  occupy(removal: Promise<void>): void {
    this.#alive++
    removal.then(
      () => this.left(),
      () => {},
    )
  }

  /** Calls `wake` whenever a place has become free; every pool is asked in turn. */
  onFree(wake: () => void): void {
    this.#waiting.add(wake)
  }

  #wake(): void {
    const inTurn = [...this.#waiting]
    const [first] = inTurn
    if (first) {
      // The one that is asked first now goes last the next time.
      this.#waiting.delete(first)
      this.#waiting.add(first)
    }
    for (const wake of inTurn) wake()
  }
}
