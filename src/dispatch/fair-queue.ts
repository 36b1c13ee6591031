/**
 * A queue in which callers take turns: each has a line of its own, first come, first served, and one
 * caller's long line does not keep another's first run waiting.
 */
export class FairQueue<T> {
  /** Lines in the order in which they are served next; an empty line is removed. */
  readonly #lines = new Map<string, Set<T>>()

  get size(): number {
    let size = 0
    for (const line of this.#lines.values()) size += line.size
    return size
  }

  /** Callers whose line is not empty. */
  get callers(): Iterable<string> {
    return this.#lines.keys()
  }

  add(caller: string, item: T): void {
    const line = this.#lines.get(caller) ?? new Set()
    line.add(item)
    this.#lines.set(caller, line)
  }

  delete(caller: string, item: T): void {
    const line = this.#lines.get(caller)
    line?.delete(item)
    if (line?.size === 0) this.#lines.delete(caller)
  }

  /**
   * Offers items in turn for as long as they are taken. What is taken leaves the queue, and its
   * caller goes to the end.
   * @param mayServe whether a caller's turn has come; those whose turn has not are passed over and keep
   *   their place. Asked again after each item that was taken.
   */
  serve(take: (item: T) => boolean, mayServe: (caller: string) => boolean = () => true): void {
    for (;;) {
      const next = this.#next(mayServe)
      if (!next) return
      const [caller, line] = next
      const [item] = line as Iterable<T> as [T]
      if (!take(item)) return
      this.#lines.delete(caller)
      line.delete(item)
      if (line.size > 0) this.#lines.set(caller, line)
    }
  }

  #next(mayServe: (caller: string) => boolean): [string, Set<T>] | null {
    for (const entry of this.#lines) if (mayServe(entry[0])) return entry
    return null
  }

  *[Symbol.iterator](): Generator<T> {
    for (const line of this.#lines.values()) yield* line
  }
}
