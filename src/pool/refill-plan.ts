/**
 * Decides how many executors a pool makes or retires, as pure functions of counts and rates. pool.ts carries
 * out what they say.
 */

/** What the plan depends on. */
export interface PoolView {
  readonly ready: number
  readonly warming: number
  /** Ready executors to keep without any demand. */
  readonly floor: number
  /** Ready executors to keep at most; not below the floor. */
  readonly ceiling: number
  /** Leases asked for recently. */
  readonly demandPerSecond: number
  /** How long making one took recently. */
  readonly makeMs: number
  /** Time since the last lease was asked for. */
  readonly quietMs: number
}

export interface RefillPlan {
  readonly make: number
  readonly retire: number
}

/** How long extra executors are kept after a burst, because bursts tend to repeat. */
const QUIET_BEFORE_SHRINKING_MS = 10_000

/** Returns how many executors to have: the floor, and the expected demand while replacements are made. */
export function targetOf(view: PoolView): number {
  const whileMaking = Math.round(view.demandPerSecond * (view.makeMs / 1000))
  return Math.max(view.floor, Math.min(view.ceiling, view.floor + whileMaking))
}

/** Plans how many executors to make, or to retire. */
export function planRefill(view: PoolView): RefillPlan {
  const missing = targetOf(view) - view.ready - view.warming
  if (missing >= 0) return { make: missing, retire: 0 }
  const shrink = view.quietMs >= QUIET_BEFORE_SHRINKING_MS
  return { make: 0, retire: shrink ? Math.min(-missing, view.ready) : 0 }
}

/**
 * Returns how many executors to keep ready at most: four times the floor, or fewer where half of the free memory
 * does not hold that many more.
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
 * Returns how long to wait after a failure, in ms. It grows with each failure, and has a random part, so that pools
 * which failed together do not try again together.
 * @param failuresInRow at least 1
 * @param random in [0, 1)
 */
export function backOffMs(failuresInRow: number, random: number): number {
  const longest = Math.min(FIRST_RETRY_MS * 2 ** (failuresInRow - 1), LAST_RETRY_MS)
  return longest * (0.5 + random / 2)
}

/** Tells whether the circuit is open: then one executor at a time is made, until one succeeds. */
export function isCircuitOpen(failuresInRow: number): boolean {
  return failuresInRow >= FAILURES_TO_OPEN
}

/** Estimates events per second; recent ones count more. After `TAU_MS` without any, 1/e of it is left. */
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
