import path from 'node:path'
import { setTimeout as sleep } from 'node:timers/promises'
import type { FastifyInstance } from 'fastify'
import type { Logger } from 'pino'
import { Accounts } from './api/accounts.ts'
import { buildApp } from './api/app.ts'
import { ParsingThread } from './api/parsing-thread.ts'
import type { OfferedTemplate } from './api/v1/service.ts'
import { type Config, limitsOf } from './config.ts'
import { LocalRuns, type Template } from './dispatch/local-runs.ts'
import { ownPool } from './dispatch/placing.ts'
import { Scheduler } from './dispatch/scheduler.ts'
import { INEXACT_PEAK } from './engine/runsc/cgroup-peak.ts'
import { RunscEngine } from './engine/runsc/engine.ts'
import type { ExecutorMaker } from './engine/runsc/executor-maker.ts'
import type { Installation, InstalledRuntime } from './engine/runsc/installation.ts'
import type { Platform } from './engine/runsc/platform.ts'
import { ManagerError } from './errors.ts'
import type { DatabaseOptions } from './jobs/database.ts'
import { Store } from './jobs/store.ts'
import { scaledMs } from './lib/time-scale.ts'
import { Metrics } from './metrics.ts'
import { CapacityLimit } from './pool/capacity-limit.ts'
import { FirstExecutors } from './pool/first-executors.ts'
import { Pool, type PoolOptions } from './pool/pool.ts'
import { Pools } from './pool/pools.ts'
import { engineEvents, poolEvents } from './reports.ts'
import type { RunLimits, Runs } from './run/types.ts'
import { loadPolicies } from './runtimes/code-policy.ts'
import { leanVariant } from './runtimes/lean.ts'
import { IDLE_RICH_EXECUTOR_BYTES, RICH_POOL_SIZE, richVariant } from './runtimes/rich.ts'
import { type Machine, readMachine } from './setup/machine.ts'
import { ServedTemplates } from './templates/served.ts'
import { offeredTemplateOf, templateOf } from './templates.ts'

/** How long a stop may take once the time of grace is over. What is left then is for the next start. */
const CLEAR_UP_MS = scaledMs(4000)
/** How long a stop waits, once nothing runs, for answers to reach their callers. */
const LAST_ANSWERS_MS = scaledMs(1000)

/**
 * The executor manager's lifespan. Before: the pools are made, then it listens. After: it stops
 * accepting, finishes what runs, destroys every executor and removes every trace.
 */
export class ExecutorManager {
  readonly #config: Config
  readonly #log: Logger
  readonly #engine: RunscEngine
  readonly #metrics: Metrics
  readonly #pools = new Pools()
  readonly #templates = new Map<string, Template>()
  /** The same for callers, with what they are told. */
  readonly #offered: OfferedTemplate[] = []
  /** Runtime name by accepted language name. */
  readonly #languages = new Map<string, string>()
  readonly #scheduler: Scheduler
  readonly #gate: CapacityLimit
  readonly #served: ServedTemplates
  readonly #parsing = new ParsingThread(this.#languages)
  /** What the front doors stand on. Of use once an executor is ready. */
  readonly runs: Runs
  readonly #accounts: Accounts
  readonly #store: Store
  #app: FastifyInstance | null = null
  readonly #firstExecutors = new FirstExecutors()
  readonly #machine: Machine = readMachine()
  readonly #hurry = new AbortController()
  #stopping: Promise<void> | null = null

  private constructor(
    config: Config,
    log: Logger,
    engine: RunscEngine,
    installation: Installation,
    metrics: Metrics,
    gate: CapacityLimit,
    policies: ReadonlyMap<string, Buffer>,
  ) {
    this.#config = config
    this.#log = log
    this.#engine = engine
    this.#gate = gate
    this.#metrics = metrics
    this.#accounts = new Accounts(config)
    this.#store = new Store(storeOptions(config), (err) => log.error({ err }, 'store'))
    const { answers } = this.#accounts
    this.#scheduler = new Scheduler(this.#pools, config, answers)
    answers.onRelease = () => this.#scheduler.answerGone()
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
      addPool: (...args) => this.#addPool(...args),
    })
    this.runs = new LocalRuns(this.#scheduler, this.#templates, (caller, result, signal) =>
      this.#parsing.checkResult(caller, result, signal),
    )
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
  ): Promise<ExecutorManager> {
    const runtimes = installation.runtimes.map(({ runtime }) => runtime)
    const policies = loadPolicies(runtimes, config.codePolicy, config.policyDir)
    const metrics: Metrics = new Metrics({
      executors: () => manager.#pools.counts(),
      queued: () => manager.#scheduler.queued,
    })
    const lean = config.leanExecutors ? runtimes.filter(leanVariant) : []
    const rich = config.richExecutors ? runtimes.filter(richVariant) : []
    // A place for each pool, whatever the memory holds: else the start would wait for ever.
    const sharers = config.snapshotsPerKey ? config.keys.count : 1
    const most = Math.max(
      config.maxExecutors,
      runtimes.length * sharers + lean.length + rich.length,
    )
    const gate = new CapacityLimit(config.parallelBoots, most)
    const events = engineEvents(log, metrics, gate)
    const snapshotHome = config.snapshots ? config.home : null
    const engine = await RunscEngine.open(
      installation,
      platform,
      snapshotHome,
      config.egress,
      events,
      { isShort: () => manager.#isShort() },
    )
    if (engine.sweptSandboxes > 0) {
      log.warn({ sandboxes: engine.sweptSandboxes }, 'removed what an earlier manager left')
    }
    if (!engine.countsPeaks) log.warn(INEXACT_PEAK)
    const manager: ExecutorManager = new ExecutorManager(
      config,
      log,
      engine,
      installation,
      metrics,
      gate,
      policies,
    )
    for (const installed of installation.runtimes) {
      manager.#addRuntime(installed, policies.get(installed.runtime.name) ?? null)
    }
    await manager.#served.open()
    return manager
  }

  /** Makes the snapshots that are missing, or all of them anew. Needs no start(). */
  async prepareSnapshots(anew = false): Promise<void> {
    await this.#engine.prepareSnapshots(anew)
  }

  /**
   * Fills the pools and listens once an executor of each runtime is ready.
   * @returns the address it listens on, as a URL
   * @throws ManagerError SETUP_FAILED when the address cannot be had or no executor becomes ready,
   *   SHUTTING_DOWN when it was stopped meanwhile
   */
  async start(): Promise<string> {
    await this.prepareSnapshots()
    this.#assertWanted()
    this.#pools.start()
    await this.#firstExecutors.wait(this.#config.startTimeoutMs)
    this.#store.start()
    this.#app = await this.#buildApp()
    this.#assertWanted()
    const { host, port } = this.#config
    try {
      // Fastify would open a second server for localhost, whose connections nobody counts.
      const name = host === 'localhost' ? '127.0.0.1' : host
      const url = await this.#app.listen({ host: name, port })
      const { snapshotRenewal } = this.#config
      if (snapshotRenewal) this.#engine.startRenewing(snapshotRenewal, () => this.#isQuiet())
      this.#served.watch()
      return url
    } catch (error) {
      this.#assertWanted()
      throw new ManagerError(
        'SETUP_FAILED',
        `${host}:${port} cannot be listened on (${(error as Error).message}): stop what holds it, or set SANDBOX_EXECUTOR_MANAGER_PORT or EXECUTOR_MANAGER_HOST.`,
        { cause: error },
      )
    }
  }

  /** Nobody waits for an executor, and none is in use. */
  #isQuiet(): boolean {
    return this.#scheduler.queued === 0 && this.#pools.areAtRest()
  }

  #buildApp(): Promise<FastifyInstance> {
    const metrics = this.#metrics
    return buildApp(
      {
        ...this.#config,
        accounts: this.#accounts,
        logger: this.#log,
        metrics: metrics.registry,
      },
      {
        runs: this.runs,
        languages: this.#languages,
        metrics,
        parsing: this.#parsing,
        store: this.#store,
        templates: this.#offered,
        status: () => ({
          queued: this.#scheduler.queued,
          executors: [...this.#pools.counts()],
        }),
      },
    )
  }

  #assertWanted(): void {
    if (this.#stopping) throw new ManagerError('SHUTTING_DOWN', 'It was stopped while it started.')
  }

  #addRuntime(installed: InstalledRuntime, policy: Buffer | null): void {
    const { runtime } = installed
    const { name, aliases, limits: overrides } = runtime
    for (const language of [name, ...aliases]) this.#languages.set(language, name)
    const limits = limitsOf(this.#config, overrides)
    const { snapshotsPerKey, leanExecutors, richExecutors, keys } = this.#config
    this.#templates.set(name, templateOf(runtime, limits, this.#config))
    this.#offered.push(offeredTemplateOf(installed, limits, this.#config))
    for (const pool of snapshotsPerKey ? keys.names.map((key) => ownPool(name, key)) : [name]) {
      this.#firstExecutors.expect(pool)
      this.#addPool({ ...installed, runtime: { ...runtime, name: pool } }, limits, policy)
    }
    const lean = leanExecutors ? leanVariant(runtime) : null
    // The start does not wait for it: the standard executor serves the same programs.
    if (lean) this.#addPool({ ...installed, runtime: lean }, limits, policy)
    const rich = richExecutors ? richVariant(runtime) : null
    if (rich) {
      const sizes = { size: RICH_POOL_SIZE, idleBytes: IDLE_RICH_EXECUTOR_BYTES }
      this.#addPool({ ...installed, runtime: rich }, limits, policy, sizes)
    }
  }

  /** Adds a pool, not started yet, to those that serve. */
  #addPool(
    installed: InstalledRuntime,
    limits: RunLimits,
    policy: Buffer | null,
    sizes: Pick<PoolOptions, 'size' | 'idleBytes'> = { size: this.#config.poolSize },
  ): { maker: ExecutorMaker; pool: Pool } {
    const { name } = installed.runtime
    const maker = this.#engine.makerFor(installed, limits, policy)
    const lean = this.#config.leanExecutors ? (leanVariant(installed.runtime)?.name ?? null) : null
    const pool = new Pool({
      ...sizes,
      create: () => maker.create(),
      gate: this.#gate,
      events: poolEvents(name, this.#log, this.#metrics, this.#firstExecutors, () =>
        this.#scheduler.wake(name),
      ),
      freeMemoryBytes: this.#machine.freeMemoryBytes,
      waiting: () => this.#scheduler.queuedFor(name),
      yields: () => lean !== null && this.#scheduler.queuedFor(lean) > 0,
    })
    this.#pools.set(name, pool)
    return { maker, pool }
  }

  /** Whether a run waits for an executor, or a pool has fewer than it keeps. */
  #isShort(): boolean {
    return this.#scheduler.queued > 0 || this.#pools.areShort()
  }

  /**
   * Ends the service, once: refuses new runs, lets running ones finish for the time of grace, then
   * removes everything. Goes on past errors, which it logs.
   */
  stop(): Promise<void> {
    this.#stopping ??= this.#stop()
    return this.#stopping
  }

  /** Cuts the time of grace short. */
  hurry(): void {
    this.#hurry.abort()
  }

  async #stop(): Promise<void> {
    this.#served.stop()
    this.#scheduler.stop()
    // Nobody waits for an executor any more.
    this.#pools.stopMaking()
    this.#engine.stopMaking()
    const closed = this.#app?.close() ?? Promise.resolve()
    await Promise.race([this.#scheduler.idle(), this.#graceOver()])
    this.#scheduler.cut()
    const late = sleep(CLEAR_UP_MS, 'late' as const, { ref: false })
    if ((await Promise.race([this.#clearUp(closed), late])) === 'late') {
      this.#log.error('stopped before everything was removed: the next start removes the rest')
    }
  }

  /** Removes everything. What cannot be removed is logged, and the rest goes on. */
  async #clearUp(closed: Promise<void>): Promise<void> {
    const app = this.#app
    await this.#scheduler.idle()
    await this.#pools.close((runtime, err) => this.#log.error({ err, runtime }, 'pool not closed'))
    // Who is still connected has an answer on the way, or holds an unfinished request open.
    const patience = setTimeout(() => app?.server.closeAllConnections(), LAST_ANSWERS_MS)
    await closed.catch((err) => this.#log.error({ err }, 'server not closed'))
    clearTimeout(patience)
    await this.#store.close().catch((err) => this.#log.error({ err }, 'store not closed'))
    await this.#engine.close().catch((err) => this.#log.error({ err }, 'engine not closed'))
  }

  #graceOver(): Promise<void> {
    return new Promise((resolve) => {
      const timer = setTimeout(resolve, this.#config.drainMs)
      timer.unref()
      this.#hurry.signal.addEventListener('abort', () => resolve(), { once: true })
      if (this.#hurry.signal.aborted) resolve()
    })
  }
}

/** Of a manager on a port that changes with each start nobody could find anything again. */
function storeOptions({
  home,
  port,
  jobs: { keepMs, webhooks: _, ...limits },
}: Config): DatabaseOptions {
  const folder = port === 0 ? null : path.join(home, 'jobs', String(port))
  return { folder, limits, keepMs }
}
