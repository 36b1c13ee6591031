/**
 * How many executors a pool makes or retires, as pure functions of counts and rates. The pool itself
 * only carries out what they say.
 */

export interface PoolView {
  readonly ready: number
  readonly warming: number
  /** Ready executors to keep when nobody asks. */
  readonly floor: number
  /** The most to keep ready, however much is asked; not below the floor. */
  readonly ceiling: number
  /** Leases asked for lately. */
  readonly demandPerSecond: number
  /** How long the making of one took lately. */
  readonly makeMs: number
  /** Since the last lease was asked for. */
  readonly quietMs: number
}

export interface RefillPlan {
  readonly make: number
  readonly retire: number
}

/** What a burst needs is kept for a while: the next one often follows. */
const QUIET_BEFORE_SHRINKING_MS = 10_000

/** Ready executors to aim at: the floor, and what will be asked for while replacements are made. */
export function targetOf(view: PoolView): number {
  const whileMaking = Math.round(view.demandPerSecond * (view.makeMs / 1000))
  return Math.max(view.floor, Math.min(view.ceiling, view.floor + whileMaking))
}

export function planRefill(view: PoolView): RefillPlan {
  const missing = targetOf(view) - view.ready - view.warming
  if (missing >= 0) return { make: missing, retire: 0 }
  const shrink = view.quietMs >= QUIET_BEFORE_SHRINKING_MS
  return { make: 0, retire: shrink ? Math.min(-missing, view.ready) : 0 }
}

/**
 * The most to keep ready: four times the floor, as far as half of the free memory holds what comes on
 * top of what is there.
 */
export function ceilingOf(
  floor: number,
  present: number,
  freeBytes: number,
  idleBytes: number,
): number {
  const fitting = present + Math.floor(freeBytes / 2 / idleBytes)
  return Math.max(floor, Math.min(4 * floor, fitting))
}

const FIRST_RETRY_MS = 250
const LAST_RETRY_MS = 8000
/** From this many failures in a row on, the circuit counts as open. */
const FAILURES_TO_OPEN = 5

/**
 * How long nothing is made after a failure: longer each time, and spread, so that pools which failed
 * together do not try again together.
 * @param failuresInRow at least 1
 * @param random in [0, 1)
 */
export function backOffMs(failuresInRow: number, random: number): number {
  const longest = Math.min(FIRST_RETRY_MS * 2 ** (failuresInRow - 1), LAST_RETRY_MS)
  return longest * (0.5 + random / 2)
}

/** An open circuit makes one executor at a time, after each back-off, until one succeeds. */
export function isCircuitOpen(failuresInRow: number): boolean {
  return failuresInRow >= FAILURES_TO_OPEN
}

/** Events per second, the recent ones counting more: after `TAU_MS` without any, 1/e is left. */
export class RateEstimate {
  static readonly TAU_MS = 5000
  #perSecond = 0
  #atMs: number

  constructor(nowMs: number) {
    this.#atMs = nowMs
  }

  add(nowMs: number): void {
    this.#perSecond = this.perSecond(nowMs) + 1000 / RateEstimate.TAU_MS
    this.#atMs = nowMs
  }

  perSecond(nowMs: number): number {
    return this.#perSecond * Math.exp((this.#atMs - nowMs) / RateEstimate.TAU_MS)
  }
}
