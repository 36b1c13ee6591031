import { backOffMs, isCircuitOpen } from './refill-plan.ts'

/** Weight of the last making in the moving average of how long one takes. */
const MAKE_TIME_WEIGHT = 0.2

/**
 * Remembers how making executors went: how long one takes, how many failed in a row, and when to try again. After
 * many failures in a row the circuit is open: then the pool makes one executor at a time, until one succeeds.
 */
export class CreateRetry {
  readonly #tellCircuit: (open: boolean) => void
  readonly #again: () => void
  #makeMs = 0
  #failures = 0
  #timer: NodeJS.Timeout | null = null

  /**
   * @param tellCircuit called when the circuit opens and when it closes
   * @param again called when the time to wait after a failure is over
   */
  constructor(tellCircuit: (open: boolean) => void, again: () => void) {
    this.#tellCircuit = tellCircuit
    this.#again = again
  }

  /** How long making one took recently, in ms; 0 before the first. */
  get makeMs(): number {
    return this.#makeMs
  }

  /** Tells whether the pool waits after a failure, and makes none meanwhile. */
  get isWaiting(): boolean {
    return this.#timer !== null
  }

  get isCircuitOpen(): boolean {
    return isCircuitOpen(this.#failures)
  }

  /** Notes that one was made, and how long it took, in ms. */
  succeeded(ms: number): void {
    if (this.isCircuitOpen) this.#tellCircuit(false)
    this.#failures = 0
    this.#makeMs = this.#makeMs === 0 ? ms : this.#makeMs + MAKE_TIME_WEIGHT * (ms - this.#makeMs)
  }

  /** Notes that making one failed, and waits before the next try. */
  failed(): void {
    this.#failures++
    if (this.isCircuitOpen && !isCircuitOpen(this.#failures - 1)) this.#tellCircuit(true)
    this.#timer ??= setTimeout(
      () => {
        this.#timer = null
        this.#again()
      },
      backOffMs(this.#failures, Math.random()),
    )
  }

  /** Ends the wait for the next try, which is not made. */
  stop(): void {
    if (this.#timer) clearTimeout(this.#timer)
  }
}
