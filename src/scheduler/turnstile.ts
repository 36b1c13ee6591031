/**
 * Lets only so many runs begin at once. A sandbox's kernel and its program hand work to each other
 * some fifty times in a short run, each waiting awake for the other; with more sandboxes than
 * processors they wait for a processor as well, and all of them together take several times as long as
 * one after the other. Most runs are over before their turn at the front ends; the longer ones go on
 * side by side.
 */
export class Turnstile {
  readonly #places: number
  readonly #holdMs: number
  readonly #waiting: (() => void)[] = []
  #taken = 0

  /**
   * @param places runs that may be beginning at once
   * @param holdMs how long a run counts as beginning
   */
  constructor(places: number, holdMs: number) {
    this.#places = places
    this.#holdMs = holdMs
  }

  /** Resolves in the order of the calls, with what gives the place back; that may be called twice. */
  enter(): Promise<() => void> {
    if (this.#taken < this.#places) return Promise.resolve(this.#take())
    return new Promise((resolve) => this.#waiting.push(() => resolve(this.#take())))
  }

  #take(): () => void {
    this.#taken++
    let held = true
    const leave = () => {
      if (!held) return
      held = false
      clearTimeout(timer)
      this.#taken--
      this.#waiting.shift()?.()
    }
    const timer = setTimeout(leave, this.#holdMs)
    return leave
  }
}
