import type { Logger } from 'pino'
import type { OfferedTemplate } from './api/v1/service.ts'
import { type Config, limitsOf } from './config.ts'
import { type LargeResultCheck, LocalRuns, type Template } from './dispatch/local-runs.ts'
import { ownPool } from './dispatch/placing.ts'
import { Scheduler, type UnreadAnswers } from './dispatch/scheduler.ts'
import { INEXACT_PEAK } from './engine/runsc/cgroup-peak.ts'
import { RunscEngine } from './engine/runsc/engine.ts'
import type { Installation, InstalledRuntime } from './engine/runsc/installation.ts'
import type { Platform } from './engine/runsc/platform.ts'
import { Metrics } from './metrics.ts'
import { openSessions, readyCounts } from './open-sessions.ts'
import { CapacityLimit } from './pool/capacity-limit.ts'
import { FirstExecutors } from './pool/first-executors.ts'
import { Pools } from './pool/pools.ts'
import { PoolMaker } from './pool-maker.ts'
import { engineEvents } from './reports.ts'
import type { Runs } from './run/types.ts'
import { offeredTemplateOf, templateOf } from './runtime-templates.ts'
import { loadPolicies } from './runtimes/code-policy.ts'
import { leanVariant } from './runtimes/lean.ts'
import { richName, richVariant } from './runtimes/rich.ts'
import type { OutputAccounts } from './sessions/commands.ts'
import type { LocalSessions } from './sessions/local-sessions.ts'
import { ServedTemplates } from './templates/served.ts'
import { WorkspaceBuild } from './workspace-build.ts'

/** What a worker needs of the front doors of its process. */
export interface DoorsOfWorker {
  readonly answers: UnreadAnswers
  /** Accounts for the output of sessions' commands. */
  readonly outputs: OutputAccounts
  readonly checkLargeResult: LargeResultCheck
}

/**
 * Executes runs on this machine: the engine, a pool of executors for each template, and the queue before
 * them. It knows no front door.
 */
export class Worker {
  /** What the front doors use. Runs start once an executor is ready. */
  readonly runs: Runs
  /** Runtime name by accepted language name. */
  readonly languages: ReadonlyMap<string, string>
  /** Templates as callers are told of them. */
  readonly offered: readonly OfferedTemplate[]
  readonly metrics: Metrics
  /** Null: callers can keep no sandboxes. */
  sessions: LocalSessions | null = null
  readonly #config: Config
  readonly #log: Logger
  readonly #engine: RunscEngine
  readonly #pools = new Pools()
  readonly #templates = new Map<string, Template>()
  readonly #languages = new Map<string, string>()
  readonly #offered: OfferedTemplate[] = []
  readonly #scheduler: Scheduler
  readonly #served: ServedTemplates
  /** Pools that the start does not wait for: other executors serve the same programs. */
  readonly #laterPools: (() => Promise<void>)[] = []
  readonly #firstExecutors = new FirstExecutors()
  readonly #maker: PoolMaker
  readonly #workspace: WorkspaceBuild

  private constructor(
    config: Config,
    log: Logger,
    engine: RunscEngine,
    installation: Installation,
    metrics: Metrics,
    capacity: CapacityLimit,
    policies: ReadonlyMap<string, Buffer>,
    { answers, checkLargeResult }: DoorsOfWorker,
  ) {
    this.#config = config
    this.#log = log
    this.#engine = engine
    this.metrics = metrics
    this.languages = this.#languages
    this.offered = this.#offered
    this.#workspace = new WorkspaceBuild(config, log)
    this.#scheduler = new Scheduler(this.#pools, config, answers)
    this.#maker = new PoolMaker({
      config,
      log,
      engine,
      metrics,
      capacity,
      pools: this.#pools,
      scheduler: this.#scheduler,
      firstExecutors: this.#firstExecutors,
    })
    this.#served = new ServedTemplates({
      config,
      log,
      engine,
      installation,
      policies,
      pools: this.#pools,
      scheduler: this.#scheduler,
      templates: this.#templates,
      offered: this.#offered,
      addPool: (...args) => this.#maker.add(...args),
    })
    this.runs = new LocalRuns(this.#scheduler, this.#templates, checkLargeResult)
  }

  /**
   * Opens the engine: removes what killed managers left, and makes this one known.
   * @throws ManagerError SETUP_FAILED, CONFIG_INVALID of a code policy
   */
  static async open(
    config: Config,
    log: Logger,
    installation: Installation,
    platform: Platform,
    doors: DoorsOfWorker,
  ): Promise<Worker> {
    const runtimes = installation.runtimes.map(({ runtime }) => runtime)
    const policies = loadPolicies(runtimes, config.codePolicy, config.policyDir)
    const metrics: Metrics = new Metrics({
      executors: () => worker.#pools.counts(),
      queued: () => worker.#scheduler.queued,
      readySessions: () => worker.sessions?.readyCounts() ?? [],
    })
    const lean = config.leanExecutors ? runtimes.filter(leanVariant) : []
    const rich = config.richExecutors ? runtimes.filter(richVariant) : []
    // A place for each pool, whatever the memory holds: else the start would wait for ever.
    const sharers = config.snapshotsPerKey ? config.keys.count : 1
    const most = Math.max(
      config.maxExecutors,
      runtimes.length * sharers + lean.length + rich.length,
    )
    const capacity = new CapacityLimit(config.parallelBoots, most)
    const events = engineEvents(log, metrics, capacity)
    const snapshotHome = config.snapshots ? config.home : null
    const engine = await RunscEngine.open(
      installation,
      platform,
      snapshotHome,
      config.egress,
      events,
      { isShort: () => worker.#isShort() },
    )
    if (engine.sweptSandboxes > 0) {
      log.warn({ sandboxes: engine.sweptSandboxes }, 'removed what an earlier manager left')
    }
    if (!engine.countsPeaks) log.warn(INEXACT_PEAK)
    const worker: Worker = new Worker(
      config,
      log,
      engine,
      installation,
      metrics,
      capacity,
      policies,
      doors,
    )
    for (const installed of installation.runtimes) {
      worker.#addRuntime(installed, policies.get(installed.runtime.name) ?? null)
    }
    await worker.#served.open()
    const demand = {
      runsWait: () => worker.#scheduler.queued > 0,
      isShort: () => worker.#isShort(),
    }
    worker.sessions = await openSessions(
      config,
      log,
      engine,
      installation,
      worker.#served.described,
      capacity,
      doors.outputs,
      demand,
    )
    return worker
  }

  /** Makes the snapshots that are missing, or all of them anew. */
  prepareSnapshots(anew = false): Promise<void> {
    return this.#engine.prepareSnapshots(anew)
  }

  /**
   * Fills the pools, and waits until an executor of each runtime is ready.
   * @throws ManagerError SETUP_FAILED when no executor becomes ready in time
   */
  fillPools(): Promise<void> {
    this.#pools.start()
    return this.#firstExecutors.wait(this.#config.startTimeoutMs)
  }

  /** Opens the pools that the start did not wait for, renews snapshots while no run is in hand, and watches the operator's templates. Ends with stop(). */
  maintain(): void {
    const { snapshotRenewal } = this.#config
    for (const open of this.#laterPools.splice(0)) void open()
    if (snapshotRenewal) this.#engine.startRenewing(snapshotRenewal, () => this.#isQuiet())
    this.#served.watch()
    if (this.sessions) void this.#workspace.prepare(this.sessions, () => this.#isQuiet())
  }

  /** A caller has read an answer, so that a run of it may start. */
  answerGone(): void {
    this.#scheduler.answerGone()
  }

  status() {
    const executors = [...this.#pools.counts(), ...readyCounts(this.sessions)]
    return { queued: this.#scheduler.queued, executors }
  }

  /** Refuses new runs and those that wait. Makes no executor any more. */
  stop(): void {
    this.#served.stop()
    this.#workspace.stop()
    this.#scheduler.stop()
    // Nobody waits for an executor any more.
    this.#pools.stopMaking()
    this.#engine.stopMaking()
  }

  /** Resolves when no run is in progress. */
  idle(): Promise<void> {
    return this.#scheduler.idle()
  }

  /** Ends the runs in progress. */
  cut(): void {
    this.#scheduler.cut()
  }

  /** Whether sessions are in memory, which closeSessions() writes to disk. */
  hasAwakeSessions(): boolean {
    return this.sessions?.isAwake() ?? false
  }

  /** Writes all sessions to disk for the next start. */
  async closeSessions(): Promise<void> {
    await this.sessions?.stop().catch((err) => this.#log.error({ err }, 'sessions not closed'))
  }

  /** Destroys all executors. What cannot be destroyed is logged. */
  closePools(): Promise<void> {
    return this.#pools.close((runtime, err) => this.#log.error({ err, runtime }, 'pool not closed'))
  }

  /** Removes every trace of the engine from the machine. Call it after closePools(). */
  async closeEngine(): Promise<void> {
    await this.#workspace.gone
    await this.#engine.close()
  }

  #addRuntime(installed: InstalledRuntime, policy: Buffer | null): void {
    const { runtime } = installed
    const { name, aliases, limits: overrides } = runtime
    for (const language of [name, ...aliases]) this.#languages.set(language, name)
    const limits = limitsOf(this.#config, overrides)
    const { snapshotsPerKey, leanExecutors, richExecutors, keys } = this.#config
    const hasRich = () => this.#pools.get(richName(runtime))?.isStarted ?? false
    this.#templates.set(name, templateOf(runtime, limits, this.#config, hasRich))
    this.#offered.push(offeredTemplateOf(installed, limits, this.#config))
    for (const pool of snapshotsPerKey ? keys.names.map((key) => ownPool(name, key)) : [name]) {
      this.#firstExecutors.expect(pool)
      this.#maker.add({ ...installed, runtime: { ...runtime, name: pool } }, limits, policy)
    }
    const lean = leanExecutors ? leanVariant(runtime) : null
    // The start does not wait for it: the standard executor serves the same programs.
    if (lean) this.#maker.add({ ...installed, runtime: lean }, limits, policy)
    const rich = richExecutors ? richVariant(runtime) : null
    if (rich) {
      this.#laterPools.push(() =>
        this.#maker.openRich({ ...installed, runtime: rich }, limits, policy),
      )
    }
  }

  /** Nobody waits for an executor, and none is in use. */
  #isQuiet(): boolean {
    return this.#scheduler.queued === 0 && this.#pools.areAtRest()
  }

  /** Whether a run waits for an executor, or a pool has fewer than it keeps. */
  #isShort(): boolean {
    return this.#scheduler.queued > 0 || this.#pools.areShort()
  }
}
