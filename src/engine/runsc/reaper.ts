import { setTimeout as sleep } from 'node:timers/promises'
import { scaledMs } from '../../lib/time-scale.ts'

/** How long a removal that failed waits until it is tried again. */
const AGAIN_MS = scaledMs(3000)

/**
 * Removes sandboxes. A removal that fails is tried again every few seconds: a process may be stuck in the
 * kernel, or no descriptor may be free. Until it succeeds, everything of the sandbox counts as in use.
 */
export class Reaper {
  readonly #stopping: AbortSignal
  readonly #againMs: number
  readonly #onFailed: (id: string, error: Error) => void
  readonly #underWay = new Set<Promise<void>>()
  readonly #abandoned = new Set<string>()

  /**
   * @param stopping aborted when the manager stops: a removal that fails after that is not tried again
   * @param onFailed called for each try that fails; must not throw
   */
  constructor(
    stopping: AbortSignal,
    onFailed: (id: string, error: Error) => void,
    againMs: number = AGAIN_MS,
  ) {
    this.#stopping = stopping
    this.#againMs = againMs
    this.#onFailed = onFailed
  }

  /**
   * Removes a sandbox. Resolves when nothing of it is left.
   * @param id of the sandbox, for the log
   * @param step one try; is called again after it has failed
   * @throws the error of the last try, and only when the manager stops
   */
  remove(id: string, step: () => Promise<void>): Promise<void> {
    const work = this.#untilRemoved(id, step)
    this.#underWay.add(work)
    const forget = () => void this.#underWay.delete(work)
    work.then(forget, forget)
    return work
  }

  /**
   * Waits until no removal is under way. Once the manager stops, that comes soon.
   * @returns ids of the sandboxes that could not be removed
   */
  async settled(): Promise<string[]> {
    while (this.#underWay.size > 0) await Promise.allSettled(this.#underWay)
    return [...this.#abandoned]
  }

  async #untilRemoved(id: string, step: () => Promise<void>): Promise<void> {
    for (;;) {
      const isLast = this.#stopping.aborted
      try {
        return await step()
      } catch (error) {
        this.#onFailed(id, error as Error)
        if (isLast) {
          this.#abandoned.add(id)
          throw error
        }
      }
      await sleep(this.#againMs, undefined, { signal: this.#stopping }).catch(() => {})
    }
  }
}
