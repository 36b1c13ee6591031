import { ageMs, type Snapshot } from './snapshot-store.ts'

/** How long one snapshot serves: what its executors share (hash seed, addresses) is known to each. */
export interface RenewalSettings {
  readonly ageMs: number
  /** Executors restored from it. */
  readonly restores: number
}

/** Of the limits: from then on a snapshot is replaced even while callers use the machine. */
const OVERDUE_FACTOR = 2

/** One snapshot in use: what its executors share, and since when. */
export class Generation {
  readonly snapshot: Snapshot
  /** Under way, from its files. */
  active = 0
  restores = 0
  /**
   * Whether a program has run in one of its executors; only then can anybody know what they share.
   * Of one that was found on disk it is taken for true.
   */
  hasServed: boolean
  /** Not picked before its verification is over; null: it is not being verified. */
  trial: Promise<void> | null = null
  /** Verified, and it did not restore. Not picked any more; removed once there is another. */
  isBad = false
  readonly #heldAtMs = performance.now()
  readonly #ageWhenHeldMs: number

  constructor(snapshot: Snapshot, hasServed: boolean) {
    this.snapshot = snapshot
    this.hasServed = hasServed
    this.#ageWhenHeldMs = ageMs(snapshot)
  }

  get isTrusted(): boolean {
    return !this.trial && !this.isBad
  }

  /** Whether it is time to replace it, and whether that can wait for a quiet moment. */
  dueness(limits: RenewalSettings): 'no' | 'due' | 'overdue' {
    const age = this.#ageWhenHeldMs + performance.now() - this.#heldAtMs
    const spent = Math.max(age / limits.ageMs, this.restores / limits.restores)
    if (!this.hasServed || spent < 1) return 'no'
    return spent < OVERDUE_FACTOR ? 'due' : 'overdue'
  }
}
