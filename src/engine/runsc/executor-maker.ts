import { execFile } from 'node:child_process'
import { mkdirSync, writeFileSync } from 'node:fs'
import path from 'node:path'
import { promisify } from 'node:util'
import type { RunLimits } from '../../config.ts'
import { ManagerError } from '../../errors.ts'
import { MIB } from '../../lib/units.ts'
import type { EgressNetwork } from '../../network/egress.ts'
import type { Executor } from '../../pool/executor.ts'
import type { InstalledRuntime } from '../../setup/install.ts'
import type { Platform } from '../../setup/platform.ts'
import type { Cgroup } from './cgroup.ts'
import { createCgroup } from './cgroup-factory.ts'
import type { CgroupTree } from './cgroup-tree.ts'
import {
  checkpointCommand,
  inNetwork,
  type RunscFlags,
  restoreCommand,
  runCommand,
  snapshotFlags,
} from './command.ts'
import type { Owner } from './owner.ts'
import { Sandbox } from './sandbox.ts'
import { SandboxExecutor } from './sandbox-executor.ts'
import {
  readAhead,
  type Snapshot,
  type SnapshotFacts,
  type SnapshotStore,
} from './snapshot-store.ts'
import { sandboxSpec } from './spec.ts'

/** Where and with what sandboxes are made. */
export interface Workshop {
  readonly runscPath: string
  readonly runscVersion: string
  readonly platform: Platform
  readonly tree: CgroupTree
  readonly owner: Owner
  /** Null: every executor is booted cold. */
  readonly snapshots: SnapshotStore | null
  /** Null: sandboxes have no network. */
  readonly network: EgressNetwork | null
  readonly events: EngineEvents
}

/** What the engine tells; none of these may throw. */
export interface EngineEvents {
  snapshotBuilding(runtime: string): void
  snapshotReady(runtime: string, createdAtMs: number): void
  restored(runtime: string, ms: number): void
  restoreFailed(runtime: string, error: Error): void
  coldBooted(runtime: string, ms: number): void
  /** Snapshots cannot be had for now: executors are booted cold, with the same isolation. */
  coldFallback(runtime: string, error: Error): void
  /** Connections and host names that a sandbox with a network was refused. */
  connectionsRefused(count: number): void
}

/** A cold boot with everything loaded takes 2 s of one processor here, more when others work. */
const BOOT_TIMEOUT_MS = 60_000
/** Of a restored sandbox it is the first sign of life. */
const WARM_UP_TIMEOUT_MS = 20_000
const CHECKPOINT_TIMEOUT_MS = 60_000
/** While an executor is made, before its own limit is known and set. */
const MAKING_MEMORY_BYTES = 1024 * MIB
/** Against 1000 of a run: making the next executor never holds up the run in hand. */
const MAKING_CPU_WEIGHT = 10
/** How long nothing is restored after a snapshot could not be made or did not restore when new. */
const FALLBACK_MS = 60_000

const execute = promisify(execFile)

/** sentry, gofer and stubs take about 21 host tasks, and 2 for each guest process. */
const hostTasksFor = (guestProcesses: number) => 64 + 4 * guestProcesses

/**
 * Makes the executors of one runtime: restored from a snapshot, or booted cold where that cannot
 * work for now. The isolation is the same in both, they differ in their time: 0.2 s against 2 s.
 */
export class ExecutorMaker {
  readonly #workshop: Workshop
  readonly #installed: InstalledRuntime
  readonly #limits: RunLimits
  readonly #policy: Buffer | null
  readonly #bundleFolder: string
  readonly #facts: SnapshotFacts
  #snapshot: Snapshot | null = null
  #building: Promise<void> | null = null
  /** By the clock that nobody sets. */
  #fallbackUntilMs = 0
  #count = 0

  /** @param policy by which code is inspected, as the runner takes it; null: it is not */
  constructor(
    workshop: Workshop,
    installed: InstalledRuntime,
    limits: RunLimits,
    policy: Buffer | null,
  ) {
    this.#workshop = workshop
    this.#policy = policy
    this.#installed = installed
    this.#limits = limits
    const spec = specOf(installed, limits, workshop.network !== null)
    this.#bundleFolder = path.join(workshop.owner.runFolder, `bundle-${this.#name}`)
    mkdirSync(this.#bundleFolder, { recursive: true })
    writeFileSync(path.join(this.#bundleFolder, 'config.json'), JSON.stringify(spec))
    this.#facts = {
      runtime: this.#name,
      runscVersion: workshop.runscVersion,
      flags: snapshotFlags(workshop.platform),
      imageHash: installed.imageHash,
      agentHash: installed.agentHash,
      // A snapshot is the same with and without a network.
      spec: specOf(installed, limits, false),
    }
  }

  /**
   * Finds the snapshot, or makes it. Never rejects: without one, executors are booted cold.
   * @param anew make it even if there is one
   */
  async prepare(anew = false): Promise<void> {
    const { snapshots } = this.#workshop
    if (!snapshots) return
    this.#snapshot = anew ? null : snapshots.find(this.#facts)
    if (!this.#snapshot) return this.#build()
    await readAhead(this.#snapshot).catch(() => {})
    this.#workshop.events.snapshotReady(this.#name, this.#snapshot.createdAtMs)
  }

  /** Makes one executor ready. @throws ManagerError ENGINE_FAILED; nothing is left behind then */
  async create(): Promise<Executor> {
    const { events } = this.#workshop
    const snapshot = this.#snapshot
    if (snapshot) {
      const started = performance.now()
      try {
        const executor = await this.#restore(snapshot.folder, this.#policy)
        events.restored(this.#name, performance.now() - started)
        return executor
      } catch (error) {
        // Of that the snapshot is innocent.
        if (error instanceof ManagerError && error.code === 'NETWORK_FAILED') throw error
        events.restoreFailed(this.#name, error as Error)
        this.#dismiss(snapshot)
      }
    } else if (performance.now() > this.#fallbackUntilMs) {
      void this.#build()
    }
    const started = performance.now()
    const executor = await this.#boot()
    await this.#finish(executor, async () => {
      await executor.warmUp(this.#policy, WARM_UP_TIMEOUT_MS)
      executor.rest()
    })
    events.coldBooted(this.#name, performance.now() - started)
    return executor
  }

  /** Resolves when no snapshot is being made. */
  async settled(): Promise<void> {
    await this.#building
  }

  get #name(): string {
    return this.#installed.runtime.name
  }

  /** A snapshot that does not restore goes, once however many restores it failed. */
  #dismiss(snapshot: Snapshot): void {
    if (this.#snapshot !== snapshot) return
    this.#snapshot = null
    void this.#build()
  }

  #build(): Promise<void> {
    const { snapshots } = this.#workshop
    if (!snapshots) return Promise.resolve()
    this.#building ??= this.#tryToBuild(snapshots).finally(() => {
      this.#building = null
    })
    return this.#building
  }

  async #tryToBuild(snapshots: SnapshotStore): Promise<void> {
    const { events } = this.#workshop
    events.snapshotBuilding(this.#name)
    let draft: string | null = null
    try {
      draft = snapshots.draft(this.#facts)
      await this.#checkpoint(draft)
      await this.#verify(draft)
      this.#snapshot = snapshots.commit(draft, this.#facts)
      events.snapshotReady(this.#name, this.#snapshot.createdAtMs)
    } catch (error) {
      this.#fallbackUntilMs = performance.now() + FALLBACK_MS
      events.coldFallback(this.#name, error as Error)
      if (draft) snapshots.discard(draft)
      snapshots.noteFallback(this.#name, (error as Error).message)
    }
  }

  async #checkpoint(folder: string): Promise<void> {
    const executor = await this.#boot(false)
    try {
      const { runscPath, platform } = this.#workshop
      const stateFolder = this.#stateFolder(executor.id)
      const flags = { platform, stateFolder, hasNetwork: false }
      await execute(runscPath, checkpointCommand(flags, executor.id, folder), {
        timeout: CHECKPOINT_TIMEOUT_MS,
      })
    } catch (error) {
      const why = (error as { stderr?: string }).stderr || (error as Error).message
      throw new ManagerError('ENGINE_FAILED', `checkpoint of ${this.#name}: ${why.trim()}`, {
        cause: error,
      })
    } finally {
      await executor.dispose()
    }
  }

  /** Restores it and runs the runtime's probe program, which is ours and not to be inspected. */
  async #verify(folder: string): Promise<void> {
    const { probe } = this.#installed.runtime
    const executor = await this.#restore(folder, null)
    try {
      const task = { code: Buffer.from(probe.code), argumentsJson: Buffer.from('{}') }
      const { transcript } = await executor.run(task, new AbortController().signal)
      const result = transcript.result?.toString('utf8') ?? null
      const stdout = Buffer.concat(transcript.stdout).toString('utf8')
      if (result !== probe.result || stdout !== probe.stdout) {
        throw new ManagerError(
          'ENGINE_FAILED',
          `the snapshot of ${this.#name} gives a wrong answer`,
        )
      }
    } finally {
      await executor.dispose()
    }
  }

  async #restore(folder: string, policy: Buffer | null): Promise<SandboxExecutor> {
    const executor = await this.#sandbox(true, (flags, id) =>
      restoreCommand(flags, this.#bundleFolder, id, folder),
    )
    return this.#finish(executor, async () => {
      await executor.warmUp(policy, WARM_UP_TIMEOUT_MS)
      executor.rest()
    })
  }

  async #boot(mayConnect = true): Promise<SandboxExecutor> {
    const executor = await this.#sandbox(mayConnect, (flags, id) =>
      runCommand(flags, this.#bundleFolder, id),
    )
    return this.#finish(executor, () => executor.load(BOOT_TIMEOUT_MS))
  }

  async #finish(executor: SandboxExecutor, steps: () => Promise<void>): Promise<SandboxExecutor> {
    try {
      await steps()
      return executor
    } catch (error) {
      await executor.dispose()
      throw error
    }
  }

  /** @param mayConnect whether it gets the devices of its network namespace, where there is one */
  async #sandbox(
    mayConnect: boolean,
    command: (flags: RunscFlags, id: string) => string[],
  ): Promise<SandboxExecutor> {
    const network = (await this.#workshop.network?.acquire()) ?? null
    const { runscPath, platform, tree, owner } = this.#workshop
    const id = `${this.#name}-${++this.#count}`
    let cgroup: Cgroup | null = null
    try {
      cgroup = createCgroup(tree, path.join(owner.name, id), {
        memoryBytes: MAKING_MEMORY_BYTES,
        tasks: hostTasksFor(this.#limits.processes),
      })
      cgroup.setCpuWeight(MAKING_CPU_WEIGHT)
      const stateFolder = this.#stateFolder(id)
      const words = [
        runscPath,
        ...command({ platform, stateFolder, hasNetwork: mayConnect && network !== null }, id),
      ]
      const whole = network ? inNetwork(network.namespaceFile, words) : words
      const sandbox = new Sandbox(whole, stateFolder, cgroup)
      return new SandboxExecutor(id, sandbox, this.#limits, network)
    } catch (error) {
      // The namespace is free once nothing can be in it any more.
      const gone = cgroup?.remove() ?? Promise.resolve()
      void gone.then(
        () => network?.release(),
        () => {},
      )
      const why = (error as Error).message
      throw new ManagerError('ENGINE_FAILED', `executor ${id}: ${why}`, { cause: error })
    }
  }

  #stateFolder(id: string): string {
    return path.join(this.#workshop.owner.runFolder, id)
  }
}

function specOf(
  { runtime, rootfs, agentPath }: InstalledRuntime,
  limits: RunLimits,
  hasNetwork: boolean,
): object {
  return sandboxSpec({
    rootfs,
    hasNetwork,
    args: [
      `${agentPath}/supervisor`,
      ...runtime.runner.map((part) => part.replaceAll('{agent}', agentPath)),
      ...runtime.preload,
    ],
    env: runtime.env,
    workspaceBytes: limits.workspaceBytes,
    processes: limits.processes,
    openFiles: limits.openFiles,
  })
}
