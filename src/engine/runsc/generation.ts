import { ageMs, type Snapshot } from './snapshot-store.ts'

/**
 * When a snapshot is replaced. Its executors share a hash seed and addresses, and each program in one of
 * them can read those.
 */
export interface RenewalSettings {
  readonly ageMs: number
  /** Executors restored from it. */
  readonly restores: number
}

/** From so many times a limit on, a snapshot is replaced even while callers use the machine. */
const OVERDUE_FACTOR = 2

/** A snapshot in use, and how much it has been used. */
export class Generation {
  readonly snapshot: Snapshot
  /** Restores from its files that are under way. */
  active = 0
  restores = 0
  /**
   * Whether a program has run in one of its executors, so that a caller may know what they share. Taken for
   * true of a snapshot that was found on disk.
   */
  hasServed: boolean
  /** Its verification, until which it is not picked; null: none is under way. */
  trial: Promise<void> | null = null
  /** Whether its verification failed. Then it is not picked, and is removed once there is another. */
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

  /** Tells whether to replace it: `due` at a quiet moment, `overdue` now. */
  dueness(limits: RenewalSettings): 'no' | 'due' | 'overdue' {
    const age = this.#ageWhenHeldMs + performance.now() - this.#heldAtMs
    const spent = Math.max(age / limits.ageMs, this.restores / limits.restores)
    if (!this.hasServed || spent < 1) return 'no'
    return spent < OVERDUE_FACTOR ? 'due' : 'overdue'
  }
}
