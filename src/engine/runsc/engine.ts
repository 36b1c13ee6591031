import { mkdirSync, writeFileSync } from 'node:fs'
import path from 'node:path'
import type { RunLimits } from '../../config.ts'
import { MIB } from '../../lib/units.ts'
import type { Executor } from '../../pool/executor.ts'
import type { InstalledRuntime } from '../../setup/install.ts'
import type { Platform } from '../../setup/platform.ts'
import { createCgroup } from './cgroup.ts'
import { type CgroupTree, openCgroupTree } from './cgroup-tree.ts'
import { runCommand } from './command.ts'
import { claimOwnership, dropOwnership, type Owner, sweepLeftovers } from './owner.ts'
import { Sandbox } from './sandbox.ts'
import { SandboxExecutor } from './sandbox-executor.ts'
import { sandboxSpec } from './spec.ts'

/** A cold boot with everything loaded takes 4 s of one processor here. */
const BOOT_TIMEOUT_MS = 60_000
/** While the runner loads its libraries, before its limit is known and set. */
const BOOT_MEMORY_BYTES = 1024 * MIB
/** Sentry, gofer and stubs take about 21 tasks and 2 for each guest process; see spec.ts for the guest's limit. */
const tasksFor = (processes: number) => 64 + 4 * processes

/** Makes executors out of runsc sandboxes and knows where their traces lie on this machine. */
export class RunscEngine {
  readonly #runscPath: string
  readonly #platform: Platform
  readonly #tree: CgroupTree
  readonly #owner: Owner
  readonly #bundles = new Map<string, string>()
  #count = 0

  private constructor(runscPath: string, platform: Platform, tree: CgroupTree, owner: Owner) {
    this.#runscPath = runscPath
    this.#platform = platform
    this.#tree = tree
    this.#owner = owner
  }

  /**
   * Opens the cgroup tree, removes what killed managers left, and marks this process as an owner.
   * @param onSwept told how many sandboxes were left over, when there were any
   * @throws ManagerError SETUP_FAILED when cgroups cannot be used
   */
  static async open(
    runscPath: string,
    platform: Platform,
    onSwept: (sandboxes: number) => void,
  ): Promise<RunscEngine> {
    const tree = openCgroupTree()
    const swept = await sweepLeftovers(tree)
    if (swept > 0) onSwept(swept)
    return new RunscEngine(runscPath, platform, tree, claimOwnership(tree))
  }

  /** Makes one executor ready. @throws ManagerError ENGINE_FAILED; nothing is left behind then */
  async create(installed: InstalledRuntime, limits: RunLimits): Promise<Executor> {
    const id = `${installed.runtime.name}-${++this.#count}`
    const cgroup = createCgroup(this.#tree, path.join(this.#owner.name, id), {
      memoryBytes: BOOT_MEMORY_BYTES,
      cpus: limits.cpus,
      tasks: tasksFor(limits.processes),
    })
    const stateFolder = path.join(this.#owner.runFolder, id)
    const sandbox = new Sandbox(
      [
        this.#runscPath,
        ...runCommand(
          { platform: this.#platform, stateFolder },
          this.#bundle(installed, limits),
          id,
        ),
      ],
      stateFolder,
      cgroup,
    )
    const executor = new SandboxExecutor(id, sandbox, limits)
    try {
      await executor.prepare(BOOT_TIMEOUT_MS)
      return executor
    } catch (error) {
      await executor.dispose()
      throw error
    }
  }

  /** Forgets the owner's mark. All executors must be disposed of. */
  close(): void {
    dropOwnership(this.#owner, this.#tree)
  }

  /** The OCI bundle, one for all sandboxes of a runtime. */
  #bundle(installed: InstalledRuntime, limits: RunLimits): string {
    const { runtime, rootfs, agentPath } = installed
    const known = this.#bundles.get(runtime.name)
    if (known) return known
    const folder = path.join(this.#owner.runFolder, `bundle-${runtime.name}`)
    mkdirSync(folder, { recursive: true })
    const spec = sandboxSpec({
      rootfs,
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
    writeFileSync(path.join(folder, 'config.json'), JSON.stringify(spec))
    this.#bundles.set(runtime.name, folder)
    return folder
  }
}
