import { mkdirSync, writeFileSync } from 'node:fs'
import path from 'node:path'
import { setTimeout as sleep } from 'node:timers/promises'
import { ManagerError } from '../../errors.ts'
import { exec } from '../../lib/exec.ts'
import { scaledMs } from '../../lib/time-scale.ts'
import { MIB } from '../../lib/units.ts'
import { unlessAborted } from '../../lib/unless-aborted.ts'
import type { NetworkLease } from '../../network/egress.ts'
import type { RunLimits } from '../../run/types.ts'
import type { Cgroup } from './cgroup.ts'
import { createCgroup } from './cgroup-factory.ts'
import {
  checkpointCommand,
  inNetwork,
  type RunscFlags,
  restoreCommand,
  runCommand,
  snapshotFlags,
} from './command.ts'
import type { EngineContext } from './engine-context.ts'
import type { InstalledRuntime } from './installation.ts'
import type { Pace } from './processor-shares.ts'
import { Sandbox } from './sandbox.ts'
import { SandboxExecutor } from './sandbox-executor.ts'
import type { SnapshotFacts } from './snapshot-store.ts'
import { sandboxSpec } from './spec.ts'

/** A cold boot with everything loaded takes 2 s of one processor, and longer on a busy machine. */
const BOOT_TIMEOUT_MS = scaledMs(60_000)
/** The answer to the warm-up is the first that is heard of a restored sandbox. */
const WARM_UP_TIMEOUT_MS = scaledMs(20_000)
const CHECKPOINT_TIMEOUT_MS = scaledMs(60_000)
/** How long a failed making waits until its sandbox is removed; that usually takes 20 ms. */
const GONE_MS = scaledMs(1000)
/** While an executor is made, before its own limit is known and set. */
const MAKING_MEMORY_BYTES = 1024 * MIB

/** Limit of host tasks. Sentry, gofer and stubs need about 21, and each guest process 2 more. */
const hostTasksFor = (guestProcesses: number) => 64 + 4 * guestProcesses

/**
 * Boots, restores and checkpoints sandboxes of one runtime. executor-maker.ts and warm-snapshots.ts decide
 * which of these is done.
 */
export class SandboxFactory {
  /** What a snapshot of these sandboxes depends on. */
  readonly facts: SnapshotFacts
  readonly #context: EngineContext
  readonly #name: string
  /** Limits of the template. */
  readonly limits: RunLimits
  readonly #hasRootImage: boolean
  readonly #bundleFolder: string
  #count = 0

  constructor(context: EngineContext, installed: InstalledRuntime, limits: RunLimits) {
    this.#context = context
    this.#name = installed.runtime.name
    this.limits = limits
    this.#hasRootImage = installed.rootImage !== null
    const spec = specOf(installed, limits, context.network !== null)
    this.#bundleFolder = path.join(context.owner.runFolder, `bundle-${this.#name}`)
    mkdirSync(this.#bundleFolder, { recursive: true })
    writeFileSync(path.join(this.#bundleFolder, 'config.json'), JSON.stringify(spec))
    this.facts = {
      runtime: this.#name,
      runscVersion: context.runscVersion,
      sidecars: context.sidecars?.files ?? [],
      flags: snapshotFlags(context.setting, this.#hasRootImage),
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
    const executor = await this.#sandbox(true, pace, (flags, id) =>
      restoreCommand(flags, this.#bundleFolder, id, folder),
    )
    return this.#warmedUp(executor, policy)
  }

  /**
   * Boots a sandbox, and puts a snapshot of it into the empty folder once its runner is loaded.
   * @throws ManagerError ENGINE_FAILED, SHUTTING_DOWN
   */
  async checkpoint(folder: string, pace: Pace): Promise<void> {
    const executor = await this.#load(pace, false)
    try {
      const { setting, stopping } = this.#context
      const flags = this.#flags(executor.id, false)
      const command = [setting.runscPath, ...checkpointCommand(flags, executor.id, folder)]
      const options = { timeoutMs: CHECKPOINT_TIMEOUT_MS, signal: stopping, env: process.env }
      const { failure, stderr } = await exec(command, options)
      stopping.throwIfAborted()
      if (failure !== null) {
        const why = stderr.trim() || failure
        throw new ManagerError('ENGINE_FAILED', `checkpoint of ${this.#name}: ${why}`)
      }
    } finally {
      await this.remove(executor)
    }
  }

  async #load(pace: Pace, mayConnect = true): Promise<SandboxExecutor> {
    const executor = await this.#sandbox(mayConnect, pace, (flags, id) =>
      runCommand(flags, this.#bundleFolder, id),
    )
    return this.#finish(executor, () => executor.load(BOOT_TIMEOUT_MS))
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

  /**
   * Disposes of an executor that no pool has, and waits up to 1 s for that. After that the engine is told that
   * it remains, and it keeps its place.
   */
  async remove(executor: SandboxExecutor): Promise<void> {
    const removal = executor.dispose()
    const isGone = removal.then(
      () => true,
      () => true,
    )
    const isLate = sleep(GONE_MS, false, { ref: false })
    if (!(await Promise.race([isGone, isLate]))) this.#context.events.remains(removal)
  }

  /** Leases a network namespace; null where sandboxes have no network. */
  async #acquireNetwork(): Promise<NetworkLease | null> {
    const { network, stopping } = this.#context
    stopping.throwIfAborted()
    if (!network) return null
    const acquired = network.acquire()
    try {
      return await unlessAborted(acquired, stopping)
    } catch (error) {
      // It may come after the manager has stopped: give it back.
      void acquired.then(
        (lease) => lease.release(),
        () => {},
      )
      throw error
    }
  }

  /** @param mayConnect whether it gets the devices of its network namespace, where there is one */
  async #sandbox(
    mayConnect: boolean,
    pace: Pace,
    command: (flags: RunscFlags, id: string) => string[],
  ): Promise<SandboxExecutor> {
    const network = await this.#acquireNetwork()
    const { setting, tree, owner, processors } = this.#context
    const id = `${this.#name}-${++this.#count}`
    let cgroup: Cgroup | null = null
    try {
      cgroup = createCgroup(tree, path.join(owner.name, id), {
        memoryBytes: MAKING_MEMORY_BYTES,
        tasks: hostTasksFor(this.limits.processes),
      })
      processors.make(cgroup, pace)
      const flags = this.#flags(id, mayConnect && network !== null)
      const words = [setting.runscPath, ...command(flags, id)]
      const whole = network ? inNetwork(setting.capabilities, network.namespaceFile, words) : words
      const sandbox = new Sandbox(whole, flags.stateFolder, cgroup)
      return new SandboxExecutor(id, sandbox, this.limits, network, this.#context)
    } catch (error) {
      // The namespace is free once nothing can be in it any more.
      const made = cgroup
      if (made) processors.made(made)
      void this.#context.reaper
        .remove(id, async () => made?.remove())
        .then(
          () => network?.release(),
          () => {},
        )
      const why = (error as Error).message
      throw new ManagerError('ENGINE_FAILED', `executor ${id}: ${why}`, { cause: error })
    }
  }

  #flags(id: string, hasNetwork: boolean): RunscFlags {
    const { setting, owner } = this.#context
    const stateFolder = path.join(owner.runFolder, id)
    return { ...setting, stateFolder, hasNetwork, hasRootImage: this.#hasRootImage }
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
