/** Gives callers their turns one after the other, in the order of their arrival. */
export class Turns {
  #isTaken = false
  #waiting: (() => void)[] = []

  /** How many wait. */
  get waiting(): number {
    return this.#waiting.length
  }

  get isTaken(): boolean {
    return this.#isTaken
  }

  /**
   * Resolves when it is the caller's turn, with what ends the turn.
   * @throws the signal's reason, when it fires before
   */
  async take(signal: AbortSignal): Promise<() => void> {
    signal.throwIfAborted()
    if (this.#isTaken) await this.#wait(signal)
    this.#isTaken = true
    let isOver = false
    return () => {
      if (isOver) return
      isOver = true
      const next = this.#waiting.shift()
      if (next) next()
      else this.#isTaken = false
    }
  }

  #wait(signal: AbortSignal): Promise<void> {
    return new Promise((resolve, reject) => {
      const come = () => {
        signal.removeEventListener('abort', leave)
        resolve()
      }
      const leave = () => {
        this.#waiting = this.#waiting.filter((one) => one !== come)
        reject(signal.reason)
      }
      this.#waiting.push(come)
      signal.addEventListener('abort', leave, { once: true })
    })
  }
}
