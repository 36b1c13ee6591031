import { scaledMs } from '../../lib/time-scale.ts'
import { unlessAborted } from '../../lib/unless-aborted.ts'
import type { RunLimits } from '../../run/types.ts'
import { snapshotFlags } from './command.ts'
import type { EngineContext } from './engine-context.ts'
import type { InstalledRuntime } from './installation.ts'
import { type Launched, Launcher } from './launcher.ts'
import type { Pace } from './processor-shares.ts'
import { SandboxExecutor } from './sandbox-executor.ts'
import type { SnapshotFacts } from './snapshot-store.ts'
import { sandboxSpec } from './spec.ts'

/** A cold boot with everything loaded takes 2 s of one processor, and longer on a busy machine. */
const BOOT_TIMEOUT_MS = scaledMs(60_000)
/** The answer to the warm-up is the first that is heard of a restored sandbox. */
const WARM_UP_TIMEOUT_MS = scaledMs(20_000)

/**
 * Boots, restores and checkpoints sandboxes of one runtime. executor-maker.ts and warm-snapshots.ts decide
 * which of these is done.
 */
export class SandboxFactory {
  /** What a snapshot of these sandboxes depends on. */
  readonly facts: SnapshotFacts
  readonly #context: EngineContext
  /** Limits of the template. */
  readonly limits: RunLimits
  readonly #launcher: Launcher

  constructor(context: EngineContext, installed: InstalledRuntime, limits: RunLimits) {
    const { name } = installed.runtime
    const hasRootImage = installed.rootImage !== null
    this.#context = context
    this.limits = limits
    this.#launcher = new Launcher(context, {
      name,
      spec: specOf(installed, limits, context.network !== null),
      hasRootImage,
      processes: limits.processes,
    })
    this.facts = {
      runtime: name,
      runscVersion: context.runscVersion,
      sidecars: context.sidecars?.files ?? [],
      flags: snapshotFlags(context.setting, hasRootImage),
      imageHash: installed.imageHash,
      guestHash: installed.guestHash,
      // A snapshot is the same with and without a network.
      spec: specOf(installed, limits, false),
    }
  }

  /** Aborted when the manager stops, with SHUTTING_DOWN. */
  get stopping(): AbortSignal {
    return this.#context.stopping
  }

  /**
   * Boots a sandbox and makes it ready for a run.
   * @param policy by which code is inspected, as the runner takes it; null: it is not
   * @throws ManagerError ENGINE_FAILED, NETWORK_FAILED, SHUTTING_DOWN
   */
  async boot(policy: Buffer | null): Promise<SandboxExecutor> {
    return this.#warmedUp(await this.#load('ahead'), policy)
  }

  /**
   * Restores a sandbox from the snapshot in the folder and makes it ready for a run.
   * @param policy by which code is inspected, as the runner takes it; null: it is not
   * @throws ManagerError ENGINE_FAILED, NETWORK_FAILED, SHUTTING_DOWN
   */
  async restore(folder: string, policy: Buffer | null, pace: Pace): Promise<SandboxExecutor> {
    return this.#warmedUp(this.#executor(await this.#launcher.restore(folder, pace)), policy)
  }

  /**
   * Boots a sandbox, and puts a snapshot of it into the empty folder once its runner is loaded.
   * @throws ManagerError ENGINE_FAILED, SHUTTING_DOWN
   */
  async checkpoint(folder: string, pace: Pace): Promise<void> {
    const executor = await this.#load(pace, false)
    try {
      await this.#launcher.checkpoint(executor.id, false, folder, this.#context.stopping)
    } finally {
      await this.remove(executor)
    }
  }

  /** Disposes of an executor that no pool has; see Launcher.remove(). */
  remove(executor: SandboxExecutor): Promise<void> {
    return this.#launcher.remove(executor)
  }

  async #load(pace: Pace, mayConnect = true): Promise<SandboxExecutor> {
    const executor = this.#executor(await this.#launcher.boot(mayConnect, pace))
    return this.#finish(executor, () => executor.load(BOOT_TIMEOUT_MS))
  }

  #executor({ id, sandbox, network }: Launched): SandboxExecutor {
    return new SandboxExecutor(id, sandbox, this.limits, network, this.#context)
  }

  #warmedUp(executor: SandboxExecutor, policy: Buffer | null): Promise<SandboxExecutor> {
    return this.#finish(executor, async () => {
      await executor.warmUp(policy, WARM_UP_TIMEOUT_MS)
      await executor.rest()
    })
  }

  async #finish(executor: SandboxExecutor, steps: () => Promise<void>): Promise<SandboxExecutor> {
    try {
      await unlessAborted(steps(), this.#context.stopping)
      return executor
    } catch (error) {
      await this.remove(executor)
      throw error
    }
  }
}

function specOf(
  { runtime, rootfs, rootImage, guestPath }: InstalledRuntime,
  limits: RunLimits,
  hasNetwork: boolean,
): object {
  return sandboxSpec({
    rootfs,
    rootImage,
    hasNetwork,
    args: [
      `${guestPath}/supervisor`,
      // Processors that a program is told it may use.
      String(Math.max(1, Math.floor(limits.cpus))),
      ...runtime.runner.map((part) => part.replaceAll('{guest}', guestPath)),
      ...runtime.preload,
    ],
    env: runtime.env,
    workspaceBytes: limits.workspaceBytes,
    processes: limits.processes,
    openFiles: limits.openFiles,
  })
}
