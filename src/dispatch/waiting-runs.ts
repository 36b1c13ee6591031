import { ManagerError } from '../errors.ts'
import { FairQueue } from './fair-queue.ts'
import { makeRoom, type QueueBounds } from './room.ts'

export interface WaitingOptions extends QueueBounds {
  /** How long a run may wait. */
  readonly queueWaitMs: number
}

/** A run that has to wait. */
export interface Newcomer {
  readonly caller: string
  /** The pool that it waits for. */
  readonly pool: string
  /** Another pool whose executors serve it as well; null: none. */
  readonly substitute: string | null
  /** Of code, arguments and input. */
  readonly bytes: number
}

interface Waiting extends Newcomer {
  /** Counts up with each that came. */
  readonly number: number
  readonly grant: () => boolean
  readonly refuse: (error: ManagerError) => void
}

type MayServe = (caller: string) => boolean

/** Runs that wait for an executor: in a bounded queue for each pool, callers by turns. */
export class WaitingRuns {
  readonly #options: WaitingOptions
  readonly #onLeave: () => void
  readonly #queues = new Map<string, FairQueue<Waiting>>()
  #arrivals = 0

  /** @param onLeave told when one has left without an executor */
  constructor(options: WaitingOptions, onLeave: () => void) {
    this.#options = options
    this.#onLeave = onLeave
  }

  get size(): number {
    let count = 0
    for (const queue of this.#queues.values()) count += queue.size
    return count
  }

  sizeFor(pool: string): number {
    return this.#queues.get(pool)?.size ?? 0
  }

  /** Pools for which runs wait, or have waited. */
  get pools(): Iterable<string> {
    return this.#queues.keys()
  }

  /** Those who wait, for whatever pool. */
  callers(): Set<string> {
    const callers = new Set<string>()
    for (const queue of this.#queues.values())
      for (const caller of queue.callers) callers.add(caller)
    return callers
  }

  /**
   * Adds a run at the end of its caller's line.
   * @param take called when its turn has come; null: there is nothing for it yet
   * @param signal its caller has gone
   * @throws ManagerError POOL_BUSY when it may not wait, or waited in vain; RUN_CANCELLED, and what
   *   refuseAll() is given
   */
  wait<L>(newcomer: Newcomer, take: () => L | null, signal: AbortSignal): Promise<L> {
    const { caller } = newcomer
    const queue = this.#queueOf(newcomer.pool)
    this.#makeRoom(newcomer)
    return new Promise((resolve, reject) => {
      const settle = () => {
        clearTimeout(timer)
        signal.removeEventListener('abort', onAbort)
      }
      const refuse = (error: ManagerError) => {
        queue.delete(caller, waiting)
        settle()
        reject(error)
        this.#onLeave()
      }
      const grant = () => {
        const taken = take()
        if (taken === null) return false
        settle()
        resolve(taken)
        return true
      }
      const waiting: Waiting = { ...newcomer, number: this.#arrivals++, grant, refuse }
      const onAbort = () => refuse(callerGone())
      const timer = setTimeout(
        () => refuse(new ManagerError('POOL_BUSY', 'No executor became free in time.')),
        this.#options.queueWaitMs,
      )
      signal.addEventListener('abort', onAbort, { once: true })
      queue.add(caller, waiting)
      if (signal.aborted) onAbort()
    })
  }

  /** Offers what a pool has to those who wait for it, by turns. */
  serve(pool: string, mayServe: MayServe): void {
    this.#queues.get(pool)?.serve((waiting) => waiting.grant(), mayServe)
  }

  /** Offers what a pool has to those for whom it is the substitute, by turns. */
  serveOthers(pool: string, mayServe: MayServe): void {
    for (const queue of this.#queues.values()) {
      queue.serve((waiting) => waiting.substitute === pool && waiting.grant(), mayServe)
    }
  }

  refuseAll(error: () => ManagerError): void {
    for (const queue of this.#queues.values()) {
      for (const waiting of [...queue]) waiting.refuse(error())
    }
  }

  #queueOf(pool: string): FairQueue<Waiting> {
    const queue = this.#queues.get(pool) ?? new FairQueue()
    this.#queues.set(pool, queue)
    return queue
  }

  /** @throws ManagerError POOL_BUSY when the caller has as much waiting as it may */
  #makeRoom(newcomer: Newcomer): void {
    const waiting = [...this.#queues.values()].flatMap((queue) => [...queue])
    waiting.sort((a, b) => a.number - b.number)
    const gone = makeRoom(newcomer, waiting, this.#options)
    if (!gone) throw new ManagerError('POOL_BUSY', 'Too many runs wait for an executor.')
    for (const waiter of gone) {
      waiter.refuse(new ManagerError('POOL_BUSY', 'Its place in the queue went to another caller.'))
    }
  }
}

/** Returns the error of a run whose caller has gone. */
export function callerGone(): ManagerError {
  return new ManagerError('RUN_CANCELLED', 'The caller has gone.')
}
