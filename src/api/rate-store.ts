import type { FastifyRateLimitStore } from '@fastify/rate-limit'

/** Callers remembered at once. Keys are few; addresses may be many. */
const MOST_CALLERS = 5000

/**
 * How many runs each caller has started in its window of time, by a clock that nobody sets: by the wall
 * clock, as the limiter's own store has it, a caller would be shut out for as long as that is set back.
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
      // To the end: the one that began longest ago is the first to be forgotten.
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
