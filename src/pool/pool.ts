import { setTimeout as sleep } from 'node:timers/promises'
import { IDLE_EXECUTOR_BYTES } from '../pool-sizes.ts'
import type { CapacityLimit, Member } from './capacity-limit.ts'
import { CreateRetry } from './create-retry.ts'
import type { Executor, ExecutorFactory } from './executor.ts'
import { LeaseHold, RUN_IN_HAND_MS } from './lease-hold.ts'
import { Lifecycle, type LifecycleState } from './lifecycle.ts'
import { ceilingOf, planRefill, RateEstimate } from './refill-plan.ts'

export interface PoolOptions {
  /** Ready executors to keep when nobody asks; 0: one is made when a run asks, and kept as long as runs come. */
  readonly size: number
  readonly create: ExecutorFactory
  readonly capacity: CapacityLimit
  readonly events: PoolEvents
  readonly freeMemoryBytes: () => number
  /** Returns how many runs wait for an executor of this pool. */
  readonly waiting: () => number
  /** Memory that one holds while it waits; by default that of an executor without many libraries. */
  readonly idleBytes?: number
  /** Tells whether runs wait for a pool that serves the same runs and makes cheaper executors. */
  readonly yields?: () => boolean
}

/** Callbacks of a pool. They must not throw. */
export interface PoolEvents {
  /** An executor can be leased. */
  ready(): void
  createFailed(error: Error): void
  disposeFailed(error: Error): void
  diedWaiting(): void
  /** After many failures in a row the pool makes one executor at a time (open), until one succeeds. */
  circuit(open: boolean): void
}

/** How often a pool checks whether it has become too large. */
const REVIEW_MS = 1000
/** How long a pool that keeps none ready does as if it kept one, after a run has asked for one. */
const ON_DEMAND_KEPT_MS = 60_000
/** How often a pool that is retired checks whether the last of its runs has ended. */
const RETIRED_REVIEW_MS = 100

/**
 * The executors of one template. It keeps some of them ready. A leased executor is destroyed after its run and
 * replaced in the background. lifecycle.ts has the states of one, refill-plan.ts decides how many there are.
 */
export class Pool {
  readonly #options: PoolOptions
  readonly #member: Member
  readonly #lifecycles = new Set<Lifecycle>()
  readonly #work = new Set<Promise<void>>()
  readonly #demand = new RateEstimate(performance.now())
  readonly #hold = new LeaseHold()
  #lastDemandMs = Number.NEGATIVE_INFINITY
  readonly #retry: CreateRetry
  #review: NodeJS.Timeout | null = null
  #soon: NodeJS.Timeout | null = null
  #closing = false

  constructor(options: PoolOptions) {
    this.#options = options
    this.#retry = new CreateRetry(
      (open) => options.events.circuit(open),
      () => this.#refill(),
    )
    this.#member = options.capacity.join(Math.max(1, options.size), () => this.#refill())
  }

  get isStarted(): boolean {
    return this.#review !== null
  }

  /** Whether it has fewer ready executors than it keeps. */
  get isShort(): boolean {
    return this.isStarted && this.count('ready') < this.#options.size
  }

  /** Starts to make executors; returns at once. */
  start(): void {
    if (this.#closing) return
    this.#review = setInterval(() => this.#refill(), REVIEW_MS)
    this.#refill()
  }

  /** Counts the executors in a state. */
  count(state: LifecycleState): number {
    let count = 0
    for (const lifecycle of this.#lifecycles) if (lifecycle.state === state) count++
    return count
  }

  /** Tells that a run needs an executor, whether or not one is ready. */
  expectLease(): void {
    this.#lastDemandMs = performance.now()
    this.#demand.add(this.#lastDemandMs)
    // The run has to wait. waiting() counts it in the next turn of the event loop.
    if (this.count('ready') === 0) setImmediate(() => this.#refill())
  }

  /**
   * Tells whether an executor can be leased.
   * @param leave ready executors that must stay, where the pool keeps more than these
   */
  canLease(leave: number): boolean {
    return (
      !this.#closing && this.count('ready') > Math.max(0, Math.min(leave, this.#options.size - 1))
    )
  }

  /** Leases the executor that has been ready longest, for one run; null when none is ready. */
  tryLease(): Executor | null {
    if (this.#closing) return null
    for (const lifecycle of this.#lifecycles) {
      if (lifecycle.state !== 'ready') continue
      lifecycle.toLeased()
      this.#hold.leased(performance.now())
      this.#refillLater(RUN_IN_HAND_MS)
      return lifecycle.executor
    }
    return null
  }

  /** Takes a leased executor back: it is destroyed and replaced. */
  release(executor: Executor): void {
    for (const lifecycle of this.#lifecycles) {
      if (lifecycle.state === 'leased' && lifecycle.executor === executor) {
        this.#track(this.#dispose(lifecycle, true))
        return
      }
    }
    // close() has taken it from its run.
    if (this.#closing) return
    throw new Error(`executor ${executor.id} is not on lease`)
  }

  /** Stops making and leasing executors. Leased ones can still be given back. */
  stopMaking(): void {
    this.#closing = true
    this.#retry.stop()
    if (this.#review) clearInterval(this.#review)
    if (this.#soon) clearTimeout(this.#soon)
  }

  /** Ends the pool once its runs have ended. Resolves when nothing of it is left. */
  async retire(): Promise<void> {
    this.stopMaking()
    for (const lifecycle of this.#lifecycles) {
      if (lifecycle.state === 'ready') this.#track(this.#dispose(lifecycle))
    }
    while (this.#lifecycles.size > 0) await sleep(RETIRED_REVIEW_MS, undefined, { ref: false })
    this.#options.capacity.leave(this.#member)
  }

  /** Destroys all executors, leased ones too. Resolves when nothing of them is left. */
  async close(): Promise<void> {
    this.stopMaking()
    for (const lifecycle of this.#lifecycles) {
      if (lifecycle.state === 'ready' || lifecycle.state === 'leased')
        this.#track(this.#dispose(lifecycle))
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
    if (this.#closing || this.#retry.isWaiting) return
    const { capacity, freeMemoryBytes, idleBytes = IDLE_EXECUTOR_BYTES } = this.#options
    const nowMs = performance.now()
    const size = this.#sizeAt(nowMs)
    // A run that waits for an executor does not wait for those that have one.
    const holdMs = this.#options.waiting() > 0 ? 0 : this.#hold.waitMs(nowMs)
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
      ceiling: ceilingOf(size, ready + warming, freeMemoryBytes(), idleBytes),
      demandPerSecond: this.#demand.perSecond(nowMs),
      makeMs: this.#retry.makeMs,
      quietMs: nowMs - this.#lastDemandMs,
    })
    const most = Math.min(
      plan.make,
      this.#retry.isCircuitOpen ? 1 - warming : plan.make,
      this.#isYielding() ? 1 - ready - warming : plan.make,
    )
    let making = 0
    for (; making < most && capacity.tryEnter(this.#member); making++) {
      const lifecycle = new Lifecycle()
      this.#lifecycles.add(lifecycle)
      this.#track(this.#make(lifecycle))
    }
    if (making >= plan.make) this.#hold.replaced()
    const surplus = Math.max(plan.retire, capacity.owes(this.#member) ? 1 : 0)
    for (const lifecycle of [...this.#lifecycles]
      .filter(({ state }) => state === 'ready')
      .slice(0, surplus)) {
      this.#track(this.#dispose(lifecycle))
    }
  }

  /** How many executors to keep ready now, without the expected demand. */
  #sizeAt(nowMs: number): number {
    const { size, waiting } = this.#options
    if (size > 0) return size
    return waiting() > 0 || nowMs - this.#lastDemandMs < ON_DEMAND_KEPT_MS ? 1 : 0
  }

  /** Tells whether it keeps only one executor ready, because the other pool's runs wait and none of its own. */
  #isYielding(): boolean {
    return this.#options.waiting() === 0 && (this.#options.yields?.() ?? false)
  }

  async #make(lifecycle: Lifecycle): Promise<void> {
    const { capacity, create, events } = this.#options
    const started = performance.now()
    let executor: Executor
    try {
      executor = await create()
    } catch (error) {
      this.#lifecycles.delete(lifecycle)
      lifecycle.toGone()
      if (!this.#closing) {
        this.#retry.failed()
        events.createFailed(error as Error)
      }
      capacity.made()
      capacity.left(this.#member)
      return
    }
    this.#retry.succeeded(performance.now() - started)
    lifecycle.toReady(executor)
    capacity.made()
    if (this.#closing) {
      await this.#dispose(lifecycle)
      return
    }
    void executor.ended.then(() => {
      if (lifecycle.state !== 'ready') return
      events.diedWaiting()
      this.#track(this.#dispose(lifecycle))
    })
    events.ready()
  }

  /**
   * Destroys an executor.
   * @param isAfterRun it has just run: then it waits a moment first, because destroying a sandbox takes as much
   *   processor time as a short run, and other runs may have begun
   */
  async #dispose(lifecycle: Lifecycle, isAfterRun = false): Promise<void> {
    lifecycle.toDisposing()
    // Let the run's answer go out first.
    await new Promise(setImmediate)
    if (isAfterRun && !this.#closing && this.#options.waiting() === 0) {
      lifecycle.executor.halt()
      await sleep(RUN_IN_HAND_MS)
    }
    await this.#vacate(lifecycle, lifecycle.executor.dispose())
  }

  /** Gives the place back when the removal succeeds. What could not be removed keeps its place. */
  async #vacate(lifecycle: Lifecycle, removal: Promise<unknown>): Promise<void> {
    try {
      await removal
    } catch (error) {
      this.#options.events.disposeFailed(error as Error)
      return
    }
    lifecycle.toGone()
    this.#lifecycles.delete(lifecycle)
    this.#options.capacity.left(this.#member)
  }

  #track(work: Promise<void>): void {
    this.#work.add(work)
    void work.finally(() => this.#work.delete(work))
  }
}
