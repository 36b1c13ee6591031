import { setTimeout as sleep } from 'node:timers/promises'
import { IDLE_EXECUTOR_BYTES } from '../sizes.ts'
import type { CapacityLimit, Member } from './capacity-limit.ts'
import type { Executor, ExecutorFactory } from './executor.ts'
import { Lifecycle, type LifecycleState } from './lifecycle.ts'
import { backOffMs, ceilingOf, isCircuitOpen, planRefill, RateEstimate } from './refill-plan.ts'

export interface PoolOptions {
  /** Ready executors to keep when nobody asks. */
  readonly size: number
  readonly create: ExecutorFactory
  readonly gate: CapacityLimit
  readonly events: PoolEvents
  readonly freeMemoryBytes: () => number
  /** Runs that wait for an executor of this pool. */
  readonly waiting: () => number
  /** Whether runs wait for a pool whose executors cost less to make and serve the same runs. */
  readonly yields?: () => boolean
}

/** What a pool tells; none of these may throw. */
export interface PoolEvents {
  /** An executor can be leased. */
  ready(): void
  createFailed(error: Error): void
  disposeFailed(error: Error): void
  diedWaiting(): void
  /** So many failures in a row that only one executor is tried at a time, or that is over. */
  circuit(open: boolean): void
}

/** A pool looks this often whether it has become too large. */
const REVIEW_MS = 1000
/** Most runs finish within this time of being leased. */
const RUN_IN_HAND_MS = 50
/** The longest that a lease waits for its replacement, however many leases follow it. */
const LONGEST_HOLD_MS = 2 * RUN_IN_HAND_MS
/** Share of the last making in the estimate of how long one takes. */
const MAKE_TIME_WEIGHT = 0.2

/**
 * The executors of one runtime. It keeps some of them ready: what is leased is never given back but
 * replaced in the background. See slot.ts for the life of one, refill-policy.ts for how many.
 */
export class Pool {
  readonly #options: PoolOptions
  readonly #member: Member
  readonly #slots = new Set<Lifecycle>()
  readonly #work = new Set<Promise<void>>()
  readonly #demand = new RateEstimate(performance.now())
  #lastDemandMs = 0
  #lastLeaseMs = Number.NEGATIVE_INFINITY
  /** Time of the first lease that no executor has been made for since; null: all are replaced. */
  #unreplacedSinceMs: number | null = null
  #makeMs = 0
  #failures = 0
  #retry: NodeJS.Timeout | null = null
  #review: NodeJS.Timeout | null = null
  #soon: NodeJS.Timeout | null = null
  #closing = false

  constructor(options: PoolOptions) {
    this.#options = options
    this.#member = options.gate.join(options.size, () => this.#refill())
  }

  /** Begins to fill; returns at once. */
  start(): void {
    this.#review = setInterval(() => this.#refill(), REVIEW_MS)
    this.#refill()
  }

  count(state: LifecycleState): number {
    let count = 0
    for (const slot of this.#slots) if (slot.state === state) count++
    return count
  }

  /** Tells that a run wants an executor, whether or not there is one. */
  expectLease(): void {
    this.#lastDemandMs = performance.now()
    this.#demand.add(this.#lastDemandMs)
    // This one has to wait, and counts as waiting once the caller's turn is over.
    if (this.count('ready') === 0) setImmediate(() => this.#refill())
  }

  /** Whether an executor can be leased. @param leave ready executors that must stay */
  canLease(leave: number): boolean {
    return !this.#closing && this.count('ready') > leave
  }

  /** The executor that has been ready longest, for one run, or null when none is. */
  tryLease(): Executor | null {
    if (this.#closing) return null
    for (const slot of this.#slots) {
      if (slot.state !== 'ready') continue
      slot.toLeased()
      this.#lastLeaseMs = performance.now()
      this.#unreplacedSinceMs ??= this.#lastLeaseMs
      this.#refillLater(RUN_IN_HAND_MS)
      return slot.executor
    }
    return null
  }

  /** Takes back what was leased: it is destroyed, and replaced. */
  release(executor: Executor): void {
    for (const slot of this.#slots) {
      if (slot.state === 'leased' && slot.executor === executor) {
        this.#track(this.#dispose(slot, true))
        return
      }
    }
    // A close has taken it from its run.
    if (this.#closing) return
    throw new Error(`executor ${executor.id} is not on lease`)
  }

  /** Makes no executor any more, and leases none; those on lease are still taken back. */
  stopMaking(): void {
    this.#closing = true
    if (this.#retry) clearTimeout(this.#retry)
    if (this.#review) clearInterval(this.#review)
    if (this.#soon) clearTimeout(this.#soon)
  }

  /** Destroys all executors, leased ones too, and resolves when nothing of them is left. */
  async close(): Promise<void> {
    this.stopMaking()
    for (const slot of this.#slots) {
      if (slot.state === 'ready' || slot.state === 'leased') this.#track(this.#dispose(slot))
    }
    while (this.#work.size > 0) await Promise.all(this.#work)
  }

  #refillLater(delayMs: number): void {
    this.#soon ??= setTimeout(() => {
      this.#soon = null
      this.#refill()
    }, delayMs)
  }

  #refill(): void {
    if (this.#closing || this.#retry) return
    const { size, gate, freeMemoryBytes } = this.#options
    const nowMs = performance.now()
    const holdMs = this.#holdMs(nowMs)
    if (holdMs > 0) {
      this.#refillLater(holdMs)
      return
    }
    const ready = this.count('ready')
    const warming = this.count('warming')
    const plan = planRefill({
      ready,
      warming,
      floor: size,
      ceiling: ceilingOf(size, ready + warming, freeMemoryBytes(), IDLE_EXECUTOR_BYTES),
      demandPerSecond: this.#demand.perSecond(nowMs),
      makeMs: this.#makeMs,
      quietMs: nowMs - this.#lastDemandMs,
    })
    const most = Math.min(
      plan.make,
      isCircuitOpen(this.#failures) ? 1 - warming : plan.make,
      this.#isYielding() ? 1 - ready - warming : plan.make,
    )
    let making = 0
    for (; making < most && gate.tryEnter(this.#member); making++) {
      const slot = new Lifecycle()
      this.#slots.add(slot)
      this.#track(this.#make(slot))
    }
    if (making >= plan.make) this.#unreplacedSinceMs = null
    for (const slot of [...this.#slots]
      .filter(({ state }) => state === 'ready')
      .slice(0, plan.retire)) {
      this.#track(this.#dispose(slot))
    }
  }

  /** While the other pool's runs wait and none of its own do, it keeps one executor ready. */
  #isYielding(): boolean {
    return this.#options.waiting() === 0 && (this.#options.yields?.() ?? false)
  }

  /**
   * How long the making still waits. Making the next executor would take processor time from a run
   * that has just begun, so it waits for that run, unless another run waits for an executor. Leases
   * that follow each other closely must not postpone it for ever.
   */
  #holdMs(nowMs: number): number {
    if (this.#options.waiting() > 0) return 0
    const since = this.#unreplacedSinceMs ?? nowMs
    return Math.min(this.#lastLeaseMs + RUN_IN_HAND_MS - nowMs, since + LONGEST_HOLD_MS - nowMs)
  }

  async #make(slot: Lifecycle): Promise<void> {
    const { gate, create, events } = this.#options
    const started = performance.now()
    let executor: Executor
    try {
      executor = await create()
    } catch (error) {
      this.#slots.delete(slot)
      slot.toGone()
      this.#holdBack()
      if (!this.#closing) events.createFailed(error as Error)
      gate.made()
      gate.left(this.#member)
      return
    }
    this.#succeeded(performance.now() - started)
    slot.toReady(executor)
    gate.made()
    if (this.#closing) {
      await this.#dispose(slot)
      return
    }
    void executor.ended.then(() => {
      if (slot.state !== 'ready') return
      events.diedWaiting()
      this.#track(this.#dispose(slot))
    })
    events.ready()
  }

  /**
   * @param isAfterRun taking down a sandbox takes as much time of a processor as a short run: those
   *   that have begun beside it go first
   */
  async #dispose(slot: Lifecycle, isAfterRun = false): Promise<void> {
    slot.toDisposing()
    // The run's answer goes out first.
    await new Promise(setImmediate)
    if (isAfterRun && !this.#closing && this.#options.waiting() === 0) {
      slot.executor.halt()
      await sleep(RUN_IN_HAND_MS)
    }
    await this.#vacate(slot, slot.executor.dispose())
  }

  /** Gives the place free once the removal is done; what could not be removed keeps its place. */
  async #vacate(slot: Lifecycle, removal: Promise<unknown>): Promise<void> {
    try {
      await removal
    } catch (error) {
      this.#options.events.disposeFailed(error as Error)
      return
    }
    slot.toGone()
    this.#slots.delete(slot)
    this.#options.gate.left(this.#member)
  }

  #succeeded(ms: number): void {
    if (isCircuitOpen(this.#failures)) this.#options.events.circuit(false)
    this.#failures = 0
    this.#makeMs = this.#makeMs === 0 ? ms : this.#makeMs + MAKE_TIME_WEIGHT * (ms - this.#makeMs)
  }

  #holdBack(): void {
    if (this.#closing) return
    this.#failures++
    if (isCircuitOpen(this.#failures) && !isCircuitOpen(this.#failures - 1)) {
      this.#options.events.circuit(true)
    }
    this.#retry ??= setTimeout(
      () => {
        this.#retry = null
        this.#refill()
      },
      backOffMs(this.#failures, Math.random()),
    )
  }

  #track(work: Promise<void>): void {
    this.#work.add(work)
    void work.finally(() => this.#work.delete(work))
  }
}
