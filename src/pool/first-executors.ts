import { ManagerError } from '../errors.ts'

/** Waits for the first executor of each runtime, and names the missing runtimes when it takes too long. */
export class FirstExecutors {
  readonly #missing = new Set<string>()
  /** The last failure's message, by runtime. */
  readonly #failures = new Map<string, string>()
  #onComplete = () => {}

  /** Adds a runtime to those that are waited for. */
  expect(runtime: string): void {
    this.#missing.add(runtime)
  }

  /** Notes that a runtime has an executor. Ignores runtimes that were not expected. */
  ready(runtime: string): void {
    this.#missing.delete(runtime)
    if (this.#missing.size === 0) this.#onComplete()
  }

  /** Notes why an executor could not be made, for the message of wait(). */
  failed(runtime: string, error: Error): void {
    this.#failures.set(runtime, error.message)
  }

  /**
   * Waits until every expected runtime has had an executor.
   * @throws ManagerError SETUP_FAILED after the time limit; it names the runtimes and their last failures
   */
  async wait(limitMs: number): Promise<void> {
    if (this.#missing.size === 0) return
    let timer: NodeJS.Timeout | undefined
    await new Promise<void>((resolve, reject) => {
      this.#onComplete = resolve
      timer = setTimeout(() => reject(this.#late(limitMs)), limitMs)
    }).finally(() => clearTimeout(timer))
  }

  #late(limitMs: number): ManagerError {
    const reasons = [...this.#missing].map((name) => {
      const failure = this.#failures.get(name)
      return failure ? `${name} (last: ${failure})` : name
    })
    return new ManagerError(
      'SETUP_FAILED',
      `No executor became ready within ${limitMs / 1000} s for ${reasons.join(', ')}: free memory or processor time, or set EXECUTOR_MANAGER_START_TIMEOUT to more; the log tells what was tried.`,
    )
  }
}
