import type { FastifyInstance } from 'fastify'
import type { Logger } from 'pino'
import { type Config, limitsOf, type RunLimits } from './config.ts'
import { RunscEngine } from './engine/runsc/engine.ts'
import { buildApp } from './http/app.ts'
import { Gate } from './pool/gate.ts'
import { Pool, type PoolEvents } from './pool/pool.ts'
import { classify } from './result/classify.ts'
import { Scheduler } from './scheduler/scheduler.ts'
import type { Installation } from './setup/install.ts'
import type { Platform } from './setup/platform.ts'

/**
 * The executor manager's lifespan. Before: the pools are made, then it listens. After: it stops
 * accepting, finishes what runs, destroys every executor and removes every trace.
 */
export class ExecutorManager {
  readonly #config: Config
  readonly #log: Logger
  readonly #engine: RunscEngine
  readonly #pools = new Map<string, Pool>()
  readonly #scheduler: Scheduler
  readonly #app: FastifyInstance
  readonly #firstReady: Promise<unknown>
  readonly #hurry = new AbortController()
  #stopping: Promise<void> | null = null

  private constructor(
    config: Config,
    log: Logger,
    engine: RunscEngine,
    installation: Installation,
  ) {
    this.#config = config
    this.#log = log
    this.#engine = engine
    const gate = new Gate(config.parallelBoots, config.maxExecutors)
    const ready = new Map<string, () => void>()
    const events = this.#poolEvents((runtime) => ready.get(runtime)?.())
    const firsts: Promise<void>[] = []
    const languages = new Map<string, string>()
    const limitsByRuntime = new Map<string, RunLimits>()
    for (const installed of installation.runtimes) {
      const { name, aliases } = installed.runtime
      for (const language of [name, ...aliases]) languages.set(language, name)
      firsts.push(new Promise((resolve) => ready.set(name, resolve)))
      const limits = limitsOf(config, installed.runtime.limits)
      limitsByRuntime.set(name, limits)
      const create = () => engine.create(installed, limits)
      this.#pools.set(
        name,
        new Pool({ runtime: name, size: config.poolSize, create, gate, events }),
      )
    }
    this.#firstReady = Promise.all(firsts)
    this.#scheduler = new Scheduler(this.#pools, config)
    this.#app = buildApp(
      { maxBodyBytes: config.maxBodyBytes, logger: log },
      {
        languages,
        submit: (run, signal) => this.#scheduler.submit(run, signal),
        classify: (facts, runtime) =>
          classify(facts, limitsByRuntime.get(runtime) ?? config.limits),
      },
    )
  }

  /** Opens the engine and begins to fill the pools. @throws ManagerError SETUP_FAILED */
  static async open(
    config: Config,
    log: Logger,
    installation: Installation,
    platform: Platform,
  ): Promise<ExecutorManager> {
    const engine = await RunscEngine.open(installation.runscPath, platform, (sandboxes) =>
      log.warn({ sandboxes }, 'removed what an earlier manager left'),
    )
    return new ExecutorManager(config, log, engine, installation)
  }

  /**
   * Fills the pools and listens once an executor of each runtime is ready.
   * @returns the address it listens on, as a URL
   */
  async start(): Promise<string> {
    for (const pool of this.#pools.values()) pool.start()
    await this.#firstReady
    return this.#app.listen({ host: this.#config.host, port: this.#config.port })
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
    const closed = this.#app.close()
    await Promise.race([this.#scheduler.idle(), this.#graceOver()])
    for (const [runtime, pool] of this.#pools) {
      await pool.close().catch((err) => this.#log.error({ err, runtime }, 'pool not closed'))
    }
    await closed.catch((err) => this.#log.error({ err }, 'server not closed'))
    try {
      this.#engine.close()
    } catch (err) {
      this.#log.error({ err }, 'engine not closed')
    }
  }

  #graceOver(): Promise<void> {
    return new Promise((resolve) => {
      const timer = setTimeout(resolve, this.#config.drainMs)
      timer.unref()
      this.#hurry.signal.addEventListener('abort', () => resolve(), { once: true })
      if (this.#hurry.signal.aborted) resolve()
    })
  }

  #poolEvents(onReady: (runtime: string) => void): PoolEvents {
    return {
      ready: (runtime) => {
        onReady(runtime)
        this.#scheduler.wake(runtime)
      },
      createFailed: (runtime, err) => this.#log.error({ runtime, err }, 'executor not made'),
      disposeFailed: (runtime, err) => this.#log.error({ runtime, err }, 'executor not removed'),
      diedWaiting: (runtime) => this.#log.warn({ runtime }, 'executor died while it waited'),
    }
  }
}
