import { scaledMs } from '../lib/time-scale.ts'
import type { KernelLink } from '../supervisor/kernel-link.ts'
import type { Cut } from './context-outcome.ts'

/** How long a program that is interrupted may take to end. */
export const GRACE_MS = scaledMs(3000)

/** Interrupts one run in a kernel, at the end of its time or when it is told to; ends the kernel if that does not help. */
export class RunCut {
  readonly #link: KernelLink
  readonly #signal: AbortSignal
  readonly #timer: NodeJS.Timeout
  #grace: NodeJS.Timeout | undefined
  #again: NodeJS.Timeout | undefined
  #why: Cut | null = null

  /** @param signal of a caller that has gone, or wants it to end */
  constructor(link: KernelLink, wallTimeMs: number, signal: AbortSignal) {
    this.#link = link
    this.#signal = signal
    this.#timer = setTimeout(() => this.interrupt('time'), wallTimeMs)
    signal.addEventListener('abort', this.cancel, { once: true })
  }

  /** Why it was interrupted; null: it was not. */
  get why(): Cut | null {
    return this.#why
  }

  readonly cancel = (): void => this.interrupt('canceled')

  interrupt(why: Cut): void {
    if (this.#why !== null) return
    this.#why = why
    this.#link.interrupt()
    // A kernel that has not begun yet does not heed the first.
    this.#again = setInterval(() => this.#link.interrupt(), GRACE_MS / 3)
    this.#grace = setTimeout(() => this.#link.kill(), GRACE_MS)
  }

  /** The run has ended. */
  over(): void {
    clearTimeout(this.#timer)
    clearTimeout(this.#grace)
    clearInterval(this.#again)
    this.#signal.removeEventListener('abort', this.cancel)
  }
}
