/** Signatures that fit no sandbox, from one address in a window of time. Each was tried with all of them. */
export const MOST_FAILED = 100
const WINDOW_MS = 10_000
/** Addresses that are remembered. */
const MOST_ADDRESSES = 5000

/** Counts signatures that fit no sandbox, by the address that they came from: nobody has shown a key there. */
export class SignatureTries {
  readonly #windows = new Map<string, { failed: number; endsMs: number }>()

  /** How long an address may try no more, in s; 0: it may. */
  waitOf(address: string): number {
    const window = this.#windows.get(address)
    const leftMs = (window?.endsMs ?? 0) - performance.now()
    return window && window.failed >= MOST_FAILED && leftMs > 0 ? Math.ceil(leftMs / 1000) : 0
  }

  addFailed(address: string): void {
    const nowMs = performance.now()
    const there = this.#windows.get(address)
    if (there && there.endsMs > nowMs) {
      there.failed++
      return
    }
    // At the end: the window that began first is forgotten first.
    this.#windows.delete(address)
    this.#windows.set(address, { failed: 1, endsMs: nowMs + WINDOW_MS })
    const [first] = this.#windows.keys()
    if (this.#windows.size > MOST_ADDRESSES && first !== undefined) this.#windows.delete(first)
  }
}
