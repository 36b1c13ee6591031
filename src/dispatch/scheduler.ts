import { ManagerError } from '../errors.ts'
import type { RunRecord } from '../run/record.ts'
import { bytesOfTask, type Task } from '../run/task.ts'
import type { RunEvent, RunTimings } from '../run/types.ts'
import { Shares } from './shares.ts'
import { callerGone, type WaitingOptions, WaitingRuns } from './waiting-runs.ts'

/** A run that was let in: its runtime exists, its sizes are within limits. */
export interface AdmittedRun {
  /** The caller: the name of a key, or an address. */
  readonly caller: string
  /** The pool that it waits for. */
  readonly runtime: string
  /** A pool whose ready executor serves as well, when its own has none; null or absent: no other. */
  readonly substitute?: string | null
  readonly task: Task
  /** Told once, when an executor has taken it: it waits in the queue no more. */
  readonly onStart?: (() => void) | undefined
  /** Told of its start and of its output as it comes, synchronously; must not throw. */
  readonly onEvent?: ((event: RunEvent) => void) | undefined
  /** Awaited once, with the first executor, before any code runs. */
  readonly beforeCode?: (() => Promise<void>) | undefined
}

/** What the scheduler knows of where the time of a run went. */
export type ScheduleTimings = Omit<RunTimings, 'collectMs'>

/** What the scheduler needs of an executor on lease. */
interface LeasedExecutor {
  run(task: Task, signal: AbortSignal, onEvent?: (event: RunEvent) => void): Promise<RunRecord>
}

/** What the scheduler needs of a pool. */
export interface ExecutorSource<E extends LeasedExecutor = LeasedExecutor> {
  /** Told of each run that comes, so that a pool can grow ahead of demand. */
  expectLease(): void
  /** Whether an executor can be leased. @param leave ready executors that must stay */
  canLease(leave: number): boolean
  tryLease(): E | null
  release(executor: E): void
}

/** An executor and the pool that takes it back. */
interface Lease {
  readonly executor: LeasedExecutor
  readonly source: ExecutorSource
}

/** Answers that callers have not read yet. */
export interface UnreadAnswers {
  entriesOf(caller: string): number
  /** Whether a caller may have another made before it has read those. */
  hasRoom(caller: string): boolean
}

const ALL_READ: UnreadAnswers = { entriesOf: () => 0, hasRoom: () => true }

export interface SchedulerOptions extends WaitingOptions {
  /** Executors of all runtimes that there may be at once. */
  readonly maxExecutors: number
  /** Executors that each pool keeps ready. */
  readonly poolSize: number
}

/**
 * Brings runs and executors together: leases an executor for each run, or has it wait for its turn.
 * It assumes no memory shared with its callers: a run goes in, its record comes out.
 */
export class Scheduler {
  readonly #options: SchedulerOptions
  readonly #sources: ReadonlyMap<string, ExecutorSource>
  readonly #waiting: WaitingRuns
  readonly #running = new Map<Promise<unknown>, AbortController>()
  readonly #shares: Shares
  readonly #answers: UnreadAnswers
  /** Whether a caller was passed over in favour of others since all queues were served. */
  #hasHeldBack = false
  #stopped = false
  #isCut = false

  constructor(
    sources: ReadonlyMap<string, ExecutorSource>,
    options: SchedulerOptions,
    answers: UnreadAnswers = ALL_READ,
  ) {
    this.#sources = sources
    this.#options = options
    this.#answers = answers
    this.#waiting = new WaitingRuns(options, () => this.#serveHeldBack())
    this.#shares = new Shares(options.maxExecutors, options.poolSize, (caller) =>
      answers.entriesOf(caller),
    )
  }

  get queued(): number {
    return this.#waiting.size
  }

  queuedFor(runtime: string): number {
    return this.#waiting.sizeFor(runtime)
  }

  get running(): number {
    return this.#running.size
  }

  /**
   * Runs one task in an executor of its own; in a second one when the first died before the run or
   * its end could not be observed, unless output of the first was told.
   * @param signal the caller has gone: a waiting run leaves the queue, a running one is ended
   * @throws ManagerError POOL_BUSY when no executor could be had in time, SHUTTING_DOWN,
   *   RUN_CANCELLED, EXECUTOR_LOST, RUN_UNOBSERVED, ENGINE_FAILED
   */
  async submit(
    run: AdmittedRun,
    signal: AbortSignal,
  ): Promise<{ record: RunRecord; timings: ScheduleTimings }> {
    const source = this.#sources.get(run.runtime)
    if (!source) throw new Error(`no pool for runtime ${run.runtime}`)
    const arrived = performance.now()
    this.#shares.ask(run.caller, arrived)
    source.expectLease()
    const { onEvent } = run
    let hasTold = false
    const tell =
      onEvent &&
      ((event: RunEvent) => {
        hasTold = true
        onEvent(event)
      })
    for (let isAgain = false; ; isAgain = true) {
      const lease = this.#leaseNow(run) ?? (await this.#lease(run, signal))
      const leased = performance.now()
      if (!isAgain) {
        run.onStart?.()
        onEvent?.({ type: 'started', queueMs: leased - arrived })
      }
      try {
        const before = isAgain ? undefined : run.beforeCode
        const record = await this.#execute(lease, run, signal, tell, before)
        const timings = { queueMs: leased - arrived, executeMs: performance.now() - leased }
        return { record, timings }
      } catch (error) {
        if (isAgain || hasTold || !mayRunAgain(error, run)) throw error
      }
    }
  }

  async #execute(
    { executor, source }: Lease,
    { caller, task }: AdmittedRun,
    signal: AbortSignal,
    onEvent: ((event: RunEvent) => void) | undefined,
    before: (() => Promise<void>) | undefined,
  ): Promise<RunRecord> {
    // This one waits no more.
    this.#serveHeldBack()
    // Not AbortSignal.any() with one signal for all: in Node.js 20 each call would leave a bit of
    // memory with that signal.
    const end = new AbortController()
    const onGone = () => end.abort()
    signal.addEventListener('abort', onGone)
    if (signal.aborted || this.#isCut) onGone()
    const begin = () => executor.run(task, end.signal, onEvent)
    const execution = (before ? before().then(begin) : begin()).finally(() =>
      source.release(executor),
    )
    this.#running.set(execution, end)
    try {
      const record = await execution
      if (record.intervention === 'cancelled') {
        throw this.#isCut ? shuttingDown() : callerGone()
      }
      return record
    } finally {
      this.#running.delete(execution)
      signal.removeEventListener('abort', onGone)
      this.#shares.end(caller)
      this.#serveHeldBack()
    }
  }

  /** Tells that an executor of this runtime may be leased. */
  wake(runtime: string): void {
    this.#waiting.serve(
      runtime,
      (caller) => this.#mayStart(caller) && this.#mayLease(runtime, caller),
    )
    if (this.queuedFor(runtime) > 0) return
    // Nobody waits for this pool itself: its executors serve those for whom it is the substitute.
    this.#waiting.serveOthers(
      runtime,
      (caller) => this.#mayStart(caller) && this.#mayLease(runtime, caller, this.#ownLast),
    )
  }

  /** A pool leaves its last ready executor to programs that no other pool serves, where it keeps several. */
  get #ownLast(): number {
    return this.#options.poolSize > 1 ? 1 : 0
  }

  /** Whether this caller's turn has come; see shares.ts. */
  #mayStart(caller: string): boolean {
    const may =
      this.#answers.hasRoom(caller) && this.#shares.mayStart(caller, this.#waiting.callers())
    this.#hasHeldBack ||= !may
    return may
  }

  /** Whether a pool has an executor for this caller, besides what it leaves to others. */
  #mayLease(runtime: string, caller: string, least = 0): boolean {
    const forOthers = this.#shares.leaves(caller, performance.now())
    // A caller that has no run in hand may take the last executor.
    this.#hasHeldBack ||= forOthers > 0
    return this.#sources.get(runtime)?.canLease(Math.max(least, forOthers)) ?? false
  }

  /** Callers that were passed over may start now that a run has ended, or another waits no more. */
  #serveHeldBack(): void {
    if (!this.#hasHeldBack) return
    this.#hasHeldBack = false
    for (const runtime of this.#waiting.pools) this.wake(runtime)
  }

  /** Tells that a caller has read an answer, or will not: it may start another run. */
  answerGone(): void {
    this.#serveHeldBack()
  }

  /** Refuses new runs and those that wait; what runs goes on. */
  stop(): void {
    this.#stopped = true
    this.#waiting.refuseAll(shuttingDown)
  }

  /** Ends what runs; its callers are told SHUTTING_DOWN. */
  cut(): void {
    this.#isCut = true
    for (const end of this.#running.values()) end.abort()
  }

  /** Resolves when nothing runs any more. */
  async idle(): Promise<void> {
    while (this.#running.size > 0) await Promise.allSettled(this.#running.keys())
  }

  /** Keeps FIFO order: a run never overtakes one that waits for the same pool. */
  #leaseNow(run: AdmittedRun): Lease | null {
    if (this.#stopped) throw shuttingDown()
    if (this.queuedFor(run.runtime) > 0 || !this.#mayStart(run.caller)) return null
    return this.#tryLease(run)
  }

  #tryLease({ caller, runtime, substitute }: AdmittedRun): Lease | null {
    let lease = this.#leaseFrom(runtime, caller)
    if (!lease && substitute && this.queuedFor(substitute) === 0)
      lease = this.#leaseFrom(substitute, caller, this.#ownLast)
    if (lease) this.#shares.begin(caller)
    return lease
  }

  /** @param least ready executors that must stay in any case */
  #leaseFrom(runtime: string, caller: string, least = 0): Lease | null {
    const source = this.#sources.get(runtime)
    if (!source || !this.#mayLease(runtime, caller, least)) return null
    const executor = source.tryLease()
    return executor ? { executor, source } : null
  }

  #lease(run: AdmittedRun, signal: AbortSignal): Promise<Lease> {
    const { caller, runtime, substitute = null, task } = run
    const newcomer = { caller, pool: runtime, substitute, bytes: bytesOfTask(task) }
    const lease = this.#waiting.wait(newcomer, () => this.#tryLease(run), signal)
    // Those before it may leave the last executor to it.
    if (!signal.aborted)
      for (const pool of [runtime, substitute]) if (pool !== null) this.wake(pool)
    return lease
  }
}

/**
 * No code has run, or nothing can be said about what it did and the run need not be executed at most once: one
 * more try in another executor.
 */
function mayRunAgain(error: unknown, { beforeCode }: AdmittedRun): boolean {
  if (!(error instanceof ManagerError)) return false
  return (
    error.code === 'EXECUTOR_LOST' || (error.code === 'RUN_UNOBSERVED' && beforeCode === undefined)
  )
}

function shuttingDown(): ManagerError {
  return new ManagerError('SHUTTING_DOWN', 'The executor manager is shutting down.')
}
