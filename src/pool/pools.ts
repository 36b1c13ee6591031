import type { LifecycleState } from './lifecycle.ts'
import type { Pool } from './pool.ts'

const COUNTED_STATES: readonly LifecycleState[] = ['warming', 'ready', 'leased', 'disposing']

/** Executors of one pool in one state. */
export interface ExecutorCount {
  readonly pool: string
  readonly state: LifecycleState
  readonly count: number
}

/** All pools, by name. */
export class Pools extends Map<string, Pool> {
  start(): void {
    for (const pool of this.values()) pool.start()
  }

  stopMaking(): void {
    for (const pool of this.values()) pool.stopMaking()
  }

  /** Resolves when all are closed, well or badly. */
  async close(failed: (pool: string, error: Error) => void): Promise<void> {
    await Promise.all(
      [...this].map(([name, pool]) => pool.close().catch((err) => failed(name, err))),
    )
  }

  *counts(): Generator<ExecutorCount> {
    for (const [name, pool] of this) {
      for (const state of COUNTED_STATES) yield { pool: name, state, count: pool.count(state) }
    }
  }

  /** Whether one has fewer ready executors than it keeps. */
  areShort(): boolean {
    return [...this.values()].some((pool) => pool.isShort)
  }

  /** Whether no executor is in use and none is being made. */
  areAtRest(): boolean {
    return [...this.values()].every((pool) => pool.count('leased') + pool.count('warming') === 0)
  }
}
