import { ManagerError } from '../errors.ts'
import type { RunFacts } from '../result/facts.ts'
import type { Task } from '../supervisor/protocol.ts'

/** A run that was let in: its runtime exists, its sizes are within limits. */
export interface AdmittedRun {
  readonly runtime: string
  readonly task: Task
}

/** Where the time of a run went. */
export interface RunTimings {
  /** From its arrival until it had an executor. */
  readonly queueMs: number
  /** From the hand-over to the executor until its last word. */
  readonly executeMs: number
}

/** What the scheduler needs of an executor on lease. */
interface LeasedExecutor {
  run(task: Task, signal: AbortSignal): Promise<RunFacts>
}

/** What the scheduler needs of a pool. */
export interface ExecutorSource<E extends LeasedExecutor = LeasedExecutor> {
  /** Told of each run that comes, so that a pool can grow ahead of demand. */
  expectLease(): void
  tryLease(): E | null
  release(executor: E): void
}

interface Waiting {
  readonly grant: () => boolean
  readonly refuse: (error: ManagerError) => void
}

export interface SchedulerOptions {
  readonly queueWaitMs: number
  /** Runs that may wait at once, over all runtimes. */
  readonly queueLength: number
}

/**
 * Brings runs and executors together: first come, first served, in a bounded queue for each runtime.
 * It assumes no memory shared with its callers: a run goes in, facts come out.
 */
export class Scheduler {
  readonly #options: SchedulerOptions
  readonly #sources: ReadonlyMap<string, ExecutorSource>
  readonly #queues = new Map<string, Set<Waiting>>()
  readonly #running = new Set<Promise<unknown>>()
  readonly #cut = new AbortController()
  #stopped = false
  #givenUp = false

  constructor(sources: ReadonlyMap<string, ExecutorSource>, options: SchedulerOptions) {
    this.#sources = sources
    this.#options = options
  }

  get queued(): number {
    let count = 0
    for (const queue of this.#queues.values()) count += queue.size
    return count
  }

  get running(): number {
    return this.#running.size
  }

  /**
   * Runs one task in an executor of its own.
   * @param signal the caller has gone: a waiting run leaves the queue, a running one is ended
   * @throws ManagerError POOL_BUSY when no executor could be had in time, SHUTTING_DOWN,
   *   RUN_CANCELLED, ENGINE_FAILED
   */
  async submit(
    run: AdmittedRun,
    signal: AbortSignal,
  ): Promise<{ facts: RunFacts; timings: RunTimings }> {
    const source = this.#sources.get(run.runtime)
    if (!source) throw new Error(`no pool for runtime ${run.runtime}`)
    const arrived = performance.now()
    source.expectLease()
    const executor =
      this.#leaseNow(source, run.runtime) ?? (await this.#lease(source, run.runtime, signal))
    const leased = performance.now()
    const either = AbortSignal.any([signal, this.#cut.signal])
    const execution = executor.run(run.task, either).finally(() => source.release(executor))
    this.#running.add(execution)
    try {
      const facts = await execution
      if (facts.intervention === 'cancelled') {
        throw this.#cut.signal.aborted ? shuttingDown() : callerGone()
      }
      // Not the program's doing that its sandbox is gone.
      if (this.#givenUp && !facts.transcript.report) throw shuttingDown()
      const timings = { queueMs: leased - arrived, executeMs: performance.now() - leased }
      return { facts, timings }
    } finally {
      this.#running.delete(execution)
    }
  }

  /** Tells that an executor of this runtime may be leased. */
  wake(runtime: string): void {
    const queue = this.#queues.get(runtime)
    if (!queue) return
    for (const waiting of queue) if (!waiting.grant()) return
  }

  /** Refuses new runs and those that wait; what runs goes on. */
  stop(): void {
    this.#stopped = true
    for (const queue of this.#queues.values()) {
      for (const waiting of [...queue]) waiting.refuse(shuttingDown())
    }
  }

  /** What still runs will lose its executor now: its callers are told of the shut-down. */
  giveUp(): void {
    this.#givenUp = true
  }

  /** Ends what runs; its callers are told SHUTTING_DOWN. */
  cut(): void {
    this.#cut.abort()
  }

  /** Resolves when nothing runs any more. */
  async idle(): Promise<void> {
    while (this.#running.size > 0) await Promise.allSettled(this.#running)
  }

  #leaseNow(source: ExecutorSource, runtime: string): LeasedExecutor | null {
    if (this.#stopped) throw shuttingDown()
    // Whoever waits was here first.
    return (this.#queues.get(runtime)?.size ?? 0) > 0 ? null : source.tryLease()
  }

  #queueOf(runtime: string): Set<Waiting> {
    const queue = this.#queues.get(runtime) ?? new Set()
    this.#queues.set(runtime, queue)
    return queue
  }

  #lease(source: ExecutorSource, runtime: string, signal: AbortSignal): Promise<LeasedExecutor> {
    const queue = this.#queueOf(runtime)
    return new Promise((resolve, reject) => {
      if (this.queued >= this.#options.queueLength) {
        reject(new ManagerError('POOL_BUSY', 'Too many runs wait for an executor.'))
        return
      }
      const leave = () => {
        queue.delete(waiting)
        clearTimeout(timer)
        signal.removeEventListener('abort', onAbort)
      }
      const refuse = (error: ManagerError) => {
        leave()
        reject(error)
      }
      const waiting: Waiting = {
        grant: () => {
          const executor = source.tryLease()
          if (!executor) return false
          leave()
          resolve(executor)
          return true
        },
        refuse,
      }
      const onAbort = () => refuse(callerGone())
      const timer = setTimeout(
        () => refuse(new ManagerError('POOL_BUSY', 'No executor became free in time.')),
        this.#options.queueWaitMs,
      )
      signal.addEventListener('abort', onAbort, { once: true })
      queue.add(waiting)
      if (signal.aborted) onAbort()
    })
  }
}

function callerGone(): ManagerError {
  return new ManagerError('RUN_CANCELLED', 'The caller has gone.')
}

function shuttingDown(): ManagerError {
  return new ManagerError('SHUTTING_DOWN', 'The executor manager is shutting down.')
}
