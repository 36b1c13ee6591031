import type { FastifyRateLimitStore } from '@fastify/rate-limit'

/** How many callers are remembered. There are few keys, but there may be many addresses. */
const MOST_CALLERS = 5000

/**
 * Counts the runs that each caller has started in its window of time, by monotonic time. The limiter's own store uses
 * the wall clock: when that is set back, a caller would be refused for that long.
 */
export class RateStore implements FastifyRateLimitStore {
  readonly #windows = new Map<string, { runs: number; endsMs: number }>()

  incr(
    caller: string,
    answer: (error: Error | null, result?: { current: number; ttl: number }) => void,
    windowMs: number,
  ): void {
    const nowMs = performance.now()
    let window = this.#windows.get(caller)
    if (!window || window.endsMs <= nowMs) {
      window = { runs: 0, endsMs: nowMs + windowMs }
      // Move it to the end: the window that began first is forgotten first.
      this.#windows.delete(caller)
      this.#windows.set(caller, window)
      if (this.#windows.size > MOST_CALLERS) this.#forgetFirst()
    }
    window.runs++
    answer(null, { current: window.runs, ttl: window.endsMs - nowMs })
  }

  /** There is one route with a rate. */
  child(): this {
    return this
  }

  #forgetFirst(): void {
    for (const [caller] of this.#windows) {
      this.#windows.delete(caller)
      return
    }
  }
}
