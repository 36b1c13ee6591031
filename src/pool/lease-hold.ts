/** Most runs finish within this time of being leased. */
export const RUN_IN_HAND_MS = 50
/** After this time a lease is replaced, however many leases follow it. */
const LONGEST_HOLD_MS = 2 * RUN_IN_HAND_MS

/**
 * Tells how long making the next executor has to wait after a lease. Making one would take processor time from the
 * run that has just begun. LONGEST_HOLD_MS bounds the wait when one lease follows another. Times are in ms of
 * performance.now().
 */
export class LeaseHold {
  #lastLeaseMs = Number.NEGATIVE_INFINITY
  /** Time of the first lease that no executor has been made for since; null: all are replaced. */
  #unreplacedSinceMs: number | null = null

  /** Notes a lease. */
  leased(nowMs: number): void {
    this.#lastLeaseMs = nowMs
    this.#unreplacedSinceMs ??= nowMs
  }

  /** Notes that an executor is being made for each lease. */
  replaced(): void {
    this.#unreplacedSinceMs = null
  }

  /** Returns how long to wait, in ms; 0 or less: no longer. */
  waitMs(nowMs: number): number {
    const since = this.#unreplacedSinceMs ?? nowMs
    return Math.min(this.#lastLeaseMs + RUN_IN_HAND_MS - nowMs, since + LONGEST_HOLD_MS - nowMs)
  }
}
