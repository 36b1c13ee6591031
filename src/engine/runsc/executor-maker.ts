import type { Executor } from '../../pool/executor.ts'
import type { RunLimits } from '../../run/types.ts'
import type { EngineContext, EngineEvents } from './engine-context.ts'
import type { RenewalSettings } from './generation.ts'
import type { InstalledRuntime } from './installation.ts'
import { SandboxFactory } from './sandbox-factory.ts'
import { WarmSnapshots } from './warm-snapshots.ts'

/**
 * Makes the executors of one runtime. It restores them from a snapshot (0.2 s), or boots them cold (2 s) while
 * no snapshot can be used. The isolation is the same.
 */
export class ExecutorMaker {
  readonly #name: string
  readonly #events: EngineEvents
  readonly #policy: Buffer | null
  readonly #factory: SandboxFactory
  /** Null: every executor is started cold. */
  readonly #snapshots: WarmSnapshots | null

  /** @param policy rules for the inspection of code, as the runner takes them; null: no inspection */
  constructor(
    context: EngineContext,
    installed: InstalledRuntime,
    limits: RunLimits,
    policy: Buffer | null,
  ) {
    this.#name = installed.runtime.name
    this.#events = context.events
    this.#policy = policy
    this.#factory = new SandboxFactory(context, installed, limits)
    this.#snapshots = context.snapshots
      ? new WarmSnapshots(installed.runtime, this.#factory, context.snapshots, this.#events)
      : null
  }

  /**
   * Finds the snapshot, or makes one. Never rejects: without a snapshot, executors are started cold.
   * @param anew make one even if there is one
   */
  async prepare(anew = false): Promise<void> {
    await this.#snapshots?.prepare(anew)
  }

  /**
   * Makes one executor and gets it ready for a run.
   * @throws ManagerError ENGINE_FAILED, NETWORK_FAILED, SHUTTING_DOWN
   */
  async create(): Promise<Executor> {
    const restoring = performance.now()
    const restored = await this.#snapshots?.restore(this.#policy)
    if (restored) {
      this.#events.restored(this.#name, performance.now() - restoring)
      return restored
    }
    const started = performance.now()
    const executor = await this.#factory.boot(this.#policy)
    this.#events.coldBooted(this.#name, performance.now() - started)
    return executor
  }

  /** Makes a new snapshot if it is time for that; see WarmSnapshots.renew(). */
  async renew(limits: RenewalSettings, isQuiet: boolean): Promise<void> {
    await this.#snapshots?.renew(limits, isQuiet)
  }

  /** Releases its snapshots. Resolves when none is being made. */
  async close(): Promise<void> {
    await this.#snapshots?.close()
  }
}
