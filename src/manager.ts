import path from 'node:path'
import { setTimeout as sleep } from 'node:timers/promises'
import type { FastifyInstance } from 'fastify'
import type { Logger } from 'pino'
import { Accounts } from './api/accounts.ts'
import { buildApp } from './api/app.ts'
import { ParsingThread } from './api/parsing-thread.ts'
import { signingKey } from './api/signed-urls.ts'
import type { Config } from './config.ts'
import type { Installation } from './engine/runsc/installation.ts'
import type { Platform } from './engine/runsc/platform.ts'
import { ManagerError } from './errors.ts'
import type { DatabaseOptions } from './jobs/database.ts'
import { Store } from './jobs/store.ts'
import { scaledMs } from './lib/time-scale.ts'
import type { Runs } from './run/types.ts'
import { Worker } from './worker.ts'

/** How long a stop goes on writing sessions to disk once the time of grace is over. */
const SESSIONS_MS = scaledMs(14_000)
/** How long a stop may take after that. What is left then is for the next start. */
const CLEAR_UP_MS = scaledMs(4000)
/** How long a stop waits, once nothing runs, for answers to reach their callers. */
const LAST_ANSWERS_MS = scaledMs(1000)

/**
 * The executor manager's lifespan: a worker and the front doors before it. Before: the pools are made, then
 * it listens. After: it stops accepting, waits for running programs, destroys every executor and removes
 * every trace.
 */
export class ExecutorManager {
  readonly #config: Config
  readonly #log: Logger
  readonly #accounts: Accounts
  readonly #worker: Worker
  readonly #parsing: ParsingThread
  readonly #store: Store
  #app: FastifyInstance | null = null
  readonly #hurry = new AbortController()
  #stopping: Promise<void> | null = null

  private constructor(config: Config, log: Logger, accounts: Accounts, worker: Worker) {
    this.#config = config
    this.#log = log
    this.#accounts = accounts
    this.#worker = worker
    this.#parsing = new ParsingThread(worker.languages)
    this.#store = new Store(storeOptions(config), (err) => log.error({ err }, 'store'))
    accounts.answers.onRelease = () => worker.answerGone()
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
    const accounts = new Accounts(config)
    const worker = await Worker.open(config, log, installation, platform, {
      answers: accounts.answers,
      outputs: accounts.results,
      checkLargeResult: (caller, result, signal) =>
        manager.#parsing.checkResult(caller, result, signal),
    })
    const manager: ExecutorManager = new ExecutorManager(config, log, accounts, worker)
    return manager
  }

  /** What the front doors stand on. Of use once an executor is ready. */
  get runs(): Runs {
    return this.#worker.runs
  }

  /** Makes the snapshots that are missing, or all of them anew. Needs no start(). */
  prepareSnapshots(anew = false): Promise<void> {
    return this.#worker.prepareSnapshots(anew)
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
    await this.#worker.fillPools()
    this.#store.start()
    this.#app = await this.#buildApp()
    this.#assertWanted()
    const { host, port } = this.#config
    try {
      // Fastify would open a second server for localhost, whose connections nobody counts.
      const name = host === 'localhost' ? '127.0.0.1' : host
      const url = await this.#app.listen({ host: name, port })
      this.#worker.maintain()
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

  #buildApp(): Promise<FastifyInstance> {
    const { runs, sessions, languages, offered, metrics } = this.#worker
    return buildApp(
      {
        ...this.#config,
        accounts: this.#accounts,
        signingKey: signingKey(this.#config.home, `port ${this.#config.port}`),
        logger: this.#log,
        metrics: metrics.registry,
      },
      {
        runs,
        sessions,
        languages,
        metrics,
        parsing: this.#parsing,
        store: this.#store,
        templates: offered,
        status: () => this.#worker.status(),
      },
    )
  }

  #assertWanted(): void {
    if (this.#stopping) throw new ManagerError('SHUTTING_DOWN', 'It was stopped while it started.')
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
    this.#worker.stop()
    const closed = this.#app?.close() ?? Promise.resolve()
    const atRest = this.#worker.idle().then(() => this.#worker.closeSessions())
    await Promise.race([atRest, this.#after(this.#config.drainMs)])
    this.#worker.cut()
    if (this.#worker.hasAwakeSessions()) {
      await Promise.race([atRest, this.#after(SESSIONS_MS)])
    }
    const late = sleep(CLEAR_UP_MS, 'late' as const, { ref: false })
    if ((await Promise.race([this.#clearUp(closed), late])) === 'late') {
      this.#log.error('stopped before everything was removed: the next start removes the rest')
    }
  }

  /** Removes everything. What cannot be removed is logged, and the rest goes on. */
  async #clearUp(closed: Promise<void>): Promise<void> {
    const app = this.#app
    await this.#worker.idle()
    await this.#worker.closeSessions()
    await this.#worker.closePools()
    // A connection that is still open has an answer on the way, or an unfinished request.
    const patience = setTimeout(() => app?.server.closeAllConnections(), LAST_ANSWERS_MS)
    await closed.catch((err) => this.#log.error({ err }, 'server not closed'))
    clearTimeout(patience)
    await this.#store.close().catch((err) => this.#log.error({ err }, 'store not closed'))
    await this.#worker.closeEngine().catch((err) => this.#log.error({ err }, 'engine not closed'))
  }

  /** Resolves after this time, at once when the stop is hurried. */
  #after(ms: number): Promise<void> {
    return new Promise((resolve) => {
      const timer = setTimeout(resolve, ms)
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
