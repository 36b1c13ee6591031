/** Work of one kernel, in the order that it was asked for. */
export class ShellQueue {
  readonly #waiting: Waiting[] = []
  #isOn = false

  get isBusy(): boolean {
    return this.#isOn
  }

  /**
   * Resolves when the work is done.
   * @param isExecution whether abort() is about it
   */
  add(isExecution: boolean, work: (isAborted: boolean) => Promise<void>): Promise<void> {
    return new Promise((resolve, reject) => {
      const waiting = { isExecution, isAborted: false, work, resolve, reject }
      this.#waiting.push(waiting)
      if (!this.#isOn) void this.#go()
    })
  }

  /** Has the executions that wait now be told that they are aborted, when it is their turn. */
  abort(): void {
    for (const waiting of this.#waiting) waiting.isAborted ||= waiting.isExecution
  }

  async #go(): Promise<void> {
    this.#isOn = true
    for (let next = this.#waiting.shift(); next; next = this.#waiting.shift()) {
      await next.work(next.isAborted).then(next.resolve, next.reject)
    }
    this.#isOn = false
  }
}

interface Waiting {
  readonly isExecution: boolean
  isAborted: boolean
  readonly work: (isAborted: boolean) => Promise<void>
  readonly resolve: () => void
  readonly reject: (error: Error) => void
}
