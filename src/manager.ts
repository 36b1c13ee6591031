import { setTimeout as sleep } from 'node:timers/promises'
import type { FastifyInstance } from 'fastify'
import type { Logger } from 'pino'
import { Accounts } from './api/accounts.ts'
import { buildApp } from './api/app.ts'
import { ParsingThread } from './api/ragflow/parsing-thread.ts'
import type { OfferedTemplate } from './api/v1/service.ts'
import { type Config, limitsOf } from './config.ts'
import { LocalRuns, type Template } from './dispatch/local-runs.ts'
import { ownPool, placedByKey, placedByText, placedInOne } from './dispatch/placing.ts'
import { Scheduler } from './dispatch/scheduler.ts'
import { INEXACT_PEAK } from './engine/runsc/cgroup-peak.ts'
import { RunscEngine } from './engine/runsc/engine.ts'
import type { EngineEvents } from './engine/runsc/engine-context.ts'
import type { ExecutorMaker } from './engine/runsc/executor-maker.ts'
import type { Installation, InstalledRuntime } from './engine/runsc/installation.ts'
import type { Platform } from './engine/runsc/platform.ts'
import { ManagerError } from './errors.ts'
import { scaledMs } from './lib/time-scale.ts'
import { Metrics } from './metrics.ts'
import { CapacityLimit } from './pool/capacity-limit.ts'
import { FirstExecutors } from './pool/first-executors.ts'
import type { LifecycleState } from './pool/lifecycle.ts'
import { Pool, type PoolEvents } from './pool/pool.ts'
import type { RunLimits, Runs } from './run/types.ts'
import { loadPolicies } from './runtimes/code-policy.ts'
import type { Runtime } from './runtimes/definition.ts'
import { leanVariant } from './runtimes/lean.ts'
import { imageContents } from './runtimes/libraries.ts'
import { type Machine, readMachine } from './setup/machine.ts'

/** How long a stop may take once the time of grace is over. What is left then is for the next start. */
const CLEAR_UP_MS = scaledMs(4000)
/** How long a stop waits, once nothing runs, for answers to reach their callers. */
const LAST_ANSWERS_MS = scaledMs(1000)

const COUNTED_STATES: readonly LifecycleState[] = ['warming', 'ready', 'leased', 'disposing']

/**
 * The executor manager's lifespan. Before: the pools are made, then it listens. After: it stops
 * accepting, finishes what runs, destroys every executor and removes every trace.
 */
export class ExecutorManager {
  readonly #config: Config
  readonly #log: Logger
  readonly #engine: RunscEngine
  readonly #metrics: Metrics
  readonly #makers: ExecutorMaker[] = []
  readonly #pools = new Map<string, Pool>()
  readonly #templates = new Map<string, Template>()
  /** The same for callers, with what they are told. */
  readonly #offered: OfferedTemplate[] = []
  /** Runtime name by accepted language name. */
  readonly #languages = new Map<string, string>()
  readonly #scheduler: Scheduler
  readonly #parsing = new ParsingThread(this.#languages)
  /** What the front doors stand on. Of use once an executor is ready. */
  readonly runs: Runs
  readonly #accounts: Accounts
  #app: FastifyInstance | null = null
  readonly #firstExecutors = new FirstExecutors()
  readonly #machine: Machine = readMachine()
  readonly #hurry = new AbortController()
  #stopping: Promise<void> | null = null

  private constructor(config: Config, log: Logger, engine: RunscEngine, metrics: Metrics) {
    this.#config = config
    this.#log = log
    this.#engine = engine
    this.#metrics = metrics
    this.#accounts = new Accounts(config)
    const { answers } = this.#accounts
    this.#scheduler = new Scheduler(this.#pools, config, answers)
    answers.onRelease = () => this.#scheduler.answerGone()
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
      executors: () => manager.#executorCounts(),
      queued: () => manager.#scheduler.queued,
    })
    const lean = config.leanExecutors ? runtimes.filter((runtime) => leanVariant(runtime)) : []
    // A place for each pool, whatever the memory holds: else the start would wait for ever.
    const sharers = config.snapshotsPerKey ? config.keys.count : 1
    const most = Math.max(config.maxExecutors, runtimes.length * sharers + lean.length)
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
    const manager: ExecutorManager = new ExecutorManager(config, log, engine, metrics)
    for (const installed of installation.runtimes) {
      manager.#addRuntime(installed, policies.get(installed.runtime.name) ?? null, gate)
    }
    return manager
  }

  /** Makes the snapshots that are missing, or all of them anew. Needs no start(). */
  async prepareSnapshots(anew = false): Promise<void> {
    await Promise.all(this.#makers.map((maker) => maker.prepare(anew)))
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
    for (const pool of this.#pools.values()) pool.start()
    await this.#firstExecutors.wait(this.#config.startTimeoutMs)
    this.#app = await this.#buildApp()
    this.#assertWanted()
    const { host, port } = this.#config
    try {
      // Fastify would open a second server for localhost, whose connections nobody counts.
      const name = host === 'localhost' ? '127.0.0.1' : host
      const url = await this.#app.listen({ host: name, port })
      const { snapshotRenewal } = this.#config
      if (snapshotRenewal) this.#engine.startRenewing(snapshotRenewal, () => this.#isQuiet())
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
    const isAtRest = (pool: Pool) => pool.count('leased') + pool.count('warming') === 0
    return this.#scheduler.queued === 0 && [...this.#pools.values()].every(isAtRest)
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
        templates: this.#offered,
        status: () => ({
          queued: this.#scheduler.queued,
          executors: [...this.#executorCounts()].map(({ runtime, ...rest }) => ({
            pool: runtime,
            ...rest,
          })),
        }),
      },
    )
  }

  #assertWanted(): void {
    if (this.#stopping) throw new ManagerError('SHUTTING_DOWN', 'It was stopped while it started.')
  }

  #addRuntime(installed: InstalledRuntime, policy: Buffer | null, gate: CapacityLimit): void {
    const { runtime } = installed
    const { name, aliases, limits: overrides } = runtime
    for (const language of [name, ...aliases]) this.#languages.set(language, name)
    const limits = limitsOf(this.#config, overrides)
    const { snapshotsPerKey, leanExecutors, keys } = this.#config
    const byText = leanExecutors ? placedByText : placedInOne
    const place = snapshotsPerKey ? placedByKey(runtime) : byText(runtime)
    const ownFiles = ownFilesOf(runtime)
    this.#templates.set(name, { limits, modes: ['function', 'script'], ownFiles, place })
    this.#offered.push({
      name,
      languages: [name, ...aliases],
      modes: runtime.mode === 'function' ? ['script', 'function'] : ['script'],
      limits,
      network: this.#config.egress ? 'egress' : 'none',
      ...imageContents(runtime, installed.rootfs),
    })
    for (const pool of snapshotsPerKey ? keys.names.map((key) => ownPool(name, key)) : [name]) {
      this.#firstExecutors.expect(pool)
      this.#addPool({ ...installed, runtime: { ...runtime, name: pool } }, limits, policy, gate)
    }
    const lean = leanExecutors ? leanVariant(runtime) : null
    // The start does not wait for it: the standard executor serves the same programs.
    if (lean) this.#addPool({ ...installed, runtime: lean }, limits, policy, gate)
  }

  #addPool(
    installed: InstalledRuntime,
    limits: RunLimits,
    policy: Buffer | null,
    gate: CapacityLimit,
  ): void {
    const { name } = installed.runtime
    const maker = this.#engine.makerFor(installed, limits, policy)
    this.#makers.push(maker)
    const events: PoolEvents = {
      ready: () => {
        this.#firstExecutors.ready(name)
        this.#scheduler.wake(name)
      },
      createFailed: (err) => {
        this.#firstExecutors.failed(name, err)
        this.#log.error({ runtime: name, err }, 'executor not made')
        this.#metrics.executorFailed(name, 'create')
      },
      disposeFailed: (err) => this.#log.error({ runtime: name, err }, 'executor not removed'),
      diedWaiting: () => {
        this.#log.warn({ runtime: name }, 'executor died while it waited')
        this.#metrics.executorFailed(name, 'died_waiting')
      },
      circuit: (open) => {
        const said = open ? 'executors fail: trying one at a time' : 'executors can be made again'
        this.#log.warn({ runtime: name }, said)
        this.#metrics.circuit(name, open)
      },
    }
    const create = () => maker.create()
    const size = this.#config.poolSize
    const lean = this.#config.leanExecutors ? (leanVariant(installed.runtime)?.name ?? null) : null
    this.#pools.set(
      name,
      new Pool({
        size,
        create,
        gate,
        events,
        freeMemoryBytes: this.#machine.freeMemoryBytes,
        waiting: () => this.#scheduler.queuedFor(name),
        yields: () => lean !== null && this.#scheduler.queuedFor(lean) > 0,
      }),
    )
  }

  /** Whether a run waits for an executor, or a pool has fewer than it keeps. */
  #isShort(): boolean {
    if (this.#scheduler.queued > 0) return true
    for (const pool of this.#pools.values()) {
      if (pool.count('ready') < this.#config.poolSize) return true
    }
    return false
  }

  *#executorCounts() {
    for (const [runtime, pool] of this.#pools) {
      for (const state of COUNTED_STATES) yield { runtime, state, count: pool.count(state) }
    }
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
    this.#scheduler.stop()
    // Nobody waits for an executor any more.
    for (const pool of this.#pools.values()) pool.stopMaking()
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
    await Promise.all(
      [...this.#pools].map(([runtime, pool]) =>
        pool.close().catch((err) => this.#log.error({ err, runtime }, 'pool not closed')),
      ),
    )
    // Who is still connected has an answer on the way, or holds an unfinished request open.
    const patience = setTimeout(() => app?.server.closeAllConnections(), LAST_ANSWERS_MS)
    await closed.catch((err) => this.#log.error({ err }, 'server not closed'))
    clearTimeout(patience)
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

/** What runner and supervisor keep in the working directory. */
function ownFilesOf({ mode, sourceFile }: Runtime): string[] {
  return [sourceFile, 'artifacts', ...(mode === 'script' ? ['arguments.json'] : [])]
}

/** What the engine tells, for the log and the metrics. */
function engineEvents(log: Logger, metrics: Metrics, gate: CapacityLimit): EngineEvents {
  return {
    snapshotBuilding: (runtime) => log.info({ runtime }, 'making a snapshot'),
    snapshotReady: (runtime, createdAtMs) => {
      log.info({ runtime }, 'snapshot ready')
      metrics.snapshotReady(runtime, createdAtMs)
    },
    restored: (runtime, ms) => metrics.executorMade(runtime, 'restore', ms),
    restoreFailed: (runtime, err) => {
      log.error({ runtime, err }, 'restore failed')
      metrics.restoreFailed(runtime)
    },
    coldBooted: (runtime, ms) => metrics.executorMade(runtime, 'boot', ms),
    coldFallback: (runtime, err) => {
      log.error({ runtime, err }, 'no snapshot: executors are booted cold, slower, as isolated')
      metrics.coldFallback(runtime)
    },
    sweepFailed: (err) => log.error({ err }, 'what an earlier manager left cannot be removed'),
    renewalFailed: (runtime, err) => log.error({ runtime, err }, 'snapshot not renewed'),
    notRemoved: (executor, err) => log.error({ executor, err }, 'executor not removed yet'),
    remains: (removal) => gate.occupy(removal),
    connectionsRefused: (count) => metrics.connectionsRefused(count),
  }
}
