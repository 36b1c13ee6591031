import { scaledMs } from '../lib/time-scale.ts'

/** How long a transfer may make no progress, and how far it may fall behind this rate. */
const PATIENCE_MS = scaledMs(30_000)
const LEAST_BYTES_PER_S = 64 * 1024
const LOOK_MS = 1000

export interface Transfer {
  /** Bytes that have been moved so far. */
  moved(): number
  /** Called when it has made no progress for 30 s, or is more than 30 s behind 64 KiB/s. */
  slow(): void
}

interface Watched {
  readonly transfer: Transfer
  readonly startedMs: number
  movedMs: number
  moved: number
}

/** Checks every second what callers send and read, and ends transfers that are too slow. */
export class Watch {
  readonly #watched = new Set<Watched>()
  #timer: NodeJS.Timeout | null = null

  /** @returns ends the watch */
  add(transfer: Transfer): () => void {
    const nowMs = performance.now()
    const watched: Watched = { transfer, startedMs: nowMs, movedMs: nowMs, moved: 0 }
    this.#watched.add(watched)
    this.#timer ??= setInterval(() => this.#look(), LOOK_MS).unref()
    return () => this.#watched.delete(watched)
  }

  #look(): void {
    const nowMs = performance.now()
    for (const watched of [...this.#watched]) {
      const moved = watched.transfer.moved()
      if (moved !== watched.moved) {
        watched.moved = moved
        watched.movedMs = nowMs
      }
      const allowedMs = PATIENCE_MS + (moved / LEAST_BYTES_PER_S) * 1000
      const isSlow = nowMs - watched.startedMs > allowedMs || nowMs - watched.movedMs > PATIENCE_MS
      if (!isSlow) continue
      this.#watched.delete(watched)
      watched.transfer.slow()
    }
    if (this.#watched.size > 0 || this.#timer === null) return
    clearInterval(this.#timer)
    this.#timer = null
  }
}
