import type { Cgroup } from './cgroup.ts'

/** How an executor that is being made ranks for the processor; the default is `ahead`. */
export type Pace =
  /** The pool's next executor. Its rank is high while a pool is short of executors, else low. */
  | 'ahead'
  /** Always high: executors are started cold until it is ready. */
  | 'urgent'
  /** Always low: no run waits for it. */
  | 'background'

/** What the ranks depend on. */
export interface Demand {
  /** Tells whether a run waits for an executor, or a pool has fewer than it keeps. Must not throw. */
  isShort(): boolean
}

/** Weight of a run in its first 100 ms. */
const FRESH_RUN = 10_000
/** Weight of making an executor that is needed now, and of all long runs together. */
const MAKING = 5000
const MAKING_UNHURRIED = 1
const REVIEW_MS = 50

/**
 * Decides what part of the processors each sandbox gets, by its cgroup's weight among those of all
 * sandboxes of this manager. Work that all callers wait for never ranks below work that one of them
 * controls:
 *
 *   making, while a pool is short  5000 each
 *   a run in its first 100 ms      10000: most end within that, and one needs an executor made for it
 *   a run after that               5000 divided by the runs that go on for so long now
 *   making, while no pool is       1
 *
 * Weights are within the range of cgroup v2, 1 to 10000.
 */
export class ProcessorShares {
  readonly #demand: Demand
  readonly #making = new Set<Cgroup>()
  readonly #longRuns = new Set<Cgroup>()
  #isHurried = false
  #review: NodeJS.Timeout | null = null

  constructor(demand: Demand) {
    this.#demand = demand
  }

  /**
   * Ranks an executor that is being made, until made() is called for it.
   * @throws Error when the cgroup cannot be written
   */
  make(cgroup: Cgroup, pace: Pace): void {
    if (pace !== 'ahead') {
      cgroup.setCpuWeight(pace === 'urgent' ? MAKING : MAKING_UNHURRIED)
      return
    }
    this.#isHurried = this.#demand.isShort()
    this.#making.add(cgroup)
    this.#rankAll()
    this.#review ??= setInterval(() => this.#look(), REVIEW_MS)
  }

  /** Forgets an executor whose making succeeded or failed. May be called for any cgroup. */
  made(cgroup: Cgroup): void {
    this.#making.delete(cgroup)
    if (this.#making.size > 0 || !this.#review) return
    clearInterval(this.#review)
    this.#review = null
  }

  /**
   * Ranks a run that is about to begin.
   * @throws Error when the cgroup cannot be written
   */
  begin(cgroup: Cgroup): void {
    cgroup.setCpuWeight(FRESH_RUN)
  }

  /** Ranks a run that has lasted more than 100 ms. */
  lengthen(cgroup: Cgroup): void {
    this.#longRuns.add(cgroup)
    this.#rankLongRuns()
  }

  /** Forgets a run that has ended. May be called for any cgroup. */
  end(cgroup: Cgroup): void {
    if (this.#longRuns.delete(cgroup)) this.#rankLongRuns()
  }

  #rankLongRuns(): void {
    const weight = Math.max(1, Math.floor(MAKING / this.#longRuns.size))
    for (const cgroup of this.#longRuns) rank(cgroup, weight)
  }

  #look(): void {
    const isShort = this.#demand.isShort()
    if (isShort === this.#isHurried) return
    this.#isHurried = isShort
    this.#rankAll()
  }

  #rankAll(): void {
    for (const cgroup of this.#making) rank(cgroup, this.#isHurried ? MAKING : MAKING_UNHURRIED)
  }
}

/** Sets a weight. Where that fails (no descriptor is free, the sandbox is gone) the old one stays. */
function rank(cgroup: Cgroup, weight: number): void {
  try {
    cgroup.setCpuWeight(weight)
  } catch {}
}
