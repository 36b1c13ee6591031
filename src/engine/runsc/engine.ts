import type { RunLimits } from '../../config.ts'
import { EgressNetwork, type EgressSettings } from '../../network/egress.ts'
import type { Installation, InstalledRuntime } from '../../setup/install.ts'
import type { Platform } from '../../setup/platform.ts'
import { openCgroupTree } from './cgroup-tree.ts'
import { ExecutorMaker } from './executor-maker.ts'
import { claimOwnership, dropOwnership, makeSharedFolder, sweepLeftovers } from './owner.ts'
import { SnapshotStore } from './snapshot-store.ts'
import type { EngineEvents, Workshop } from './workshop.ts'

/** Makes executors out of runsc sandboxes and knows where their traces lie on this machine. */
export class RunscEngine {
  readonly #workshop: Workshop
  readonly #makers: ExecutorMaker[] = []
  /** Sandboxes that an earlier, killed manager had left and that were removed. */
  readonly sweptSandboxes: number

  private constructor(workshop: Workshop, sweptSandboxes: number) {
    this.#workshop = workshop
    this.sweptSandboxes = sweptSandboxes
  }

  /**
   * Opens the cgroup tree, removes what killed managers left, and marks this process as an owner.
   * @param snapshotHome the data folder, or null to boot every executor cold
   * @param egress what sandboxes may reach, or null for no network
   * @throws ManagerError SETUP_FAILED when cgroups, or a network that is asked for, cannot be had
   */
  static async open(
    { runscPath, runscVersion, capabilities, sidecars }: Installation,
    platform: Platform,
    snapshotHome: string | null,
    egress: EgressSettings | null,
    events: EngineEvents,
  ): Promise<RunscEngine> {
    const tree = openCgroupTree()
    const swept = await sweepLeftovers(tree, events.sweepFailed)
    const owner = claimOwnership(tree)
    const snapshots = snapshotHome === null ? null : new SnapshotStore(snapshotHome)
    try {
      const network = egress && (await EgressNetwork.open(owner, egress, events.connectionsRefused))
      const sharedFolder = makeSharedFolder(owner)
      const setting = { runscPath, capabilities, platform, sharedFolder }
      return new RunscEngine(
        { setting, runscVersion, sidecars, tree, owner, snapshots, network, events },
        swept,
      )
    } catch (error) {
      await dropOwnership(owner, tree)
      throw error
    }
  }

  /**
   * What makes the executors of this runtime.
   * @param policy by which code is inspected, as the runner takes it; null: it is not
   */
  makerFor(
    installed: InstalledRuntime,
    limits: RunLimits,
    policy: Buffer | null = null,
  ): ExecutorMaker {
    const maker = new ExecutorMaker(this.#workshop, installed, limits, policy)
    this.#makers.push(maker)
    return maker
  }

  /** Forgets the owner's mark. All executors must be disposed of. */
  async close(): Promise<void> {
    await Promise.all(this.#makers.map((maker) => maker.settled()))
    await this.#workshop.network?.close()
    await dropOwnership(this.#workshop.owner, this.#workshop.tree)
  }
}
