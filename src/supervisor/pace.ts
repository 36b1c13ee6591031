import { performance } from 'node:perf_hooks'

/** What one process may have the manager take in PERIOD_MS while nobody waits for it: 32 MiB a second. */
const PERIOD_BYTES = 3.2 * 1024 * 1024
const PERIOD_MS = 100

/** Counts what a process writes, so that one that writes without end does not have the manager do nothing else. */
export class Pace {
  readonly #onRest: () => void
  #since = 0
  #bytes = 0

  /** @param onRest called when it may write again */
  constructor(onRest: () => void) {
    this.#onRest = onRest
  }

  /** Whether no more is taken of it for now. */
  get isSpent(): boolean {
    return this.#bytes >= PERIOD_BYTES
  }

  add(bytes: number): void {
    const wasSpent = this.isSpent
    const now = performance.now()
    if (!wasSpent && now - this.#since > PERIOD_MS) {
      this.#since = now
      this.#bytes = 0
    }
    this.#bytes += bytes
    if (wasSpent || !this.isSpent) return
    setTimeout(() => {
      this.#bytes = 0
      this.#onRest()
    }, PERIOD_MS)
  }
}
