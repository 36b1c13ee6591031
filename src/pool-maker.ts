import type { Logger } from 'pino'
import type { Config } from './config.ts'
import type { Scheduler } from './dispatch/scheduler.ts'
import type { RunscEngine } from './engine/runsc/engine.ts'
import type { ExecutorMaker } from './engine/runsc/executor-maker.ts'
import type { InstalledRuntime } from './engine/runsc/installation.ts'
import type { Metrics } from './metrics.ts'
import type { CapacityLimit } from './pool/capacity-limit.ts'
import type { FirstExecutors } from './pool/first-executors.ts'
import { Pool, type PoolOptions } from './pool/pool.ts'
import type { Pools } from './pool/pools.ts'
import { poolEvents } from './reports.ts'
import type { RunLimits } from './run/types.ts'
import { leanVariant } from './runtimes/lean.ts'
import { IDLE_RICH_EXECUTOR_BYTES, RICH_POOL_SIZE } from './runtimes/rich.ts'
import { type Machine, readMachine } from './setup/machine.ts'

/** What pools are made with. */
export interface PoolParts {
  readonly config: Config
  readonly log: Logger
  readonly engine: RunscEngine
  readonly metrics: Metrics
  readonly capacity: CapacityLimit
  /** Where each pool is added. */
  readonly pools: Pools
  readonly scheduler: Scheduler
  readonly firstExecutors: FirstExecutors
}

/** Makes the pools of a worker, and gives each its maker of executors, its events and its place among the others. */
export class PoolMaker {
  readonly #parts: PoolParts
  readonly #machine: Machine = readMachine()

  constructor(parts: PoolParts) {
    this.#parts = parts
  }

  /** Adds a pool, not started yet, to those that serve. */
  add(
    installed: InstalledRuntime,
    limits: RunLimits,
    policy: Buffer | null,
    sizes: Pick<PoolOptions, 'size' | 'idleBytes'> = { size: this.#parts.config.poolSize },
  ): { maker: ExecutorMaker; pool: Pool } {
    const { config, log, engine, metrics, capacity, pools, scheduler, firstExecutors } = this.#parts
    const { name } = installed.runtime
    const maker = engine.makerFor(installed, limits, policy)
    const lean = config.leanExecutors ? (leanVariant(installed.runtime)?.name ?? null) : null
    const pool = new Pool({
      ...sizes,
      create: () => maker.create(),
      capacity,
      events: poolEvents(name, log, metrics, firstExecutors, () => scheduler.wake(name)),
      freeMemoryBytes: this.#machine.freeMemoryBytes,
      waiting: () => scheduler.queuedFor(name),
      yields: () => lean !== null && scheduler.queuedFor(lean) > 0,
    })
    pools.set(name, pool)
    return { maker, pool }
  }

  /** Opens the pool of rich executors once it has a snapshot, whose making takes seconds. */
  async openRich(
    installed: InstalledRuntime,
    limits: RunLimits,
    policy: Buffer | null,
  ): Promise<void> {
    const sizes = { size: RICH_POOL_SIZE, idleBytes: IDLE_RICH_EXECUTOR_BYTES }
    const { maker, pool } = this.add(installed, limits, policy, sizes)
    await maker.prepare()
    pool.start()
  }
}
