import { setTimeout as sleep } from 'node:timers/promises'
import type { RunLimits } from '../../config.ts'
import { holdAgent } from '../../images/agent.ts'
import type { FileLock } from '../../lib/file-lock.ts'
import { EgressNetwork, type EgressSettings } from '../../network/egress.ts'
import type { Installation, InstalledRuntime } from '../../setup/install.ts'
import type { Platform } from '../../setup/platform.ts'
import { openCgroupTree } from './cgroup-tree.ts'
import { ExecutorMaker } from './executor-maker.ts'
import type { RenewalSettings } from './generation.ts'
import { claimOwnership, dropOwnership, makeSharedFolder, sweepLeftovers } from './owner.ts'
import { SnapshotStore } from './snapshot-store.ts'
import type { EngineEvents, Workshop } from './workshop.ts'

/** How often a snapshot is looked at for whether it is time to renew it. */
const RENEWAL_REVIEW_MS = 1000

/** Makes executors out of runsc sandboxes and knows where their traces lie on this machine. */
export class RunscEngine {
  readonly #workshop: Workshop
  readonly #makers: ExecutorMaker[] = []
  /** Of the files that sandboxes are started from. */
  readonly #agents: readonly FileLock[]
  readonly #closing = new AbortController()
  #renewing: Promise<void> = Promise.resolve()
  /** Sandboxes that an earlier, killed manager had left and that were removed. */
  readonly sweptSandboxes: number

  private constructor(workshop: Workshop, agents: readonly FileLock[], sweptSandboxes: number) {
    this.#workshop = workshop
    this.#agents = agents
    this.sweptSandboxes = sweptSandboxes
  }

  /**
   * Opens the cgroup tree, removes what killed managers left, and marks this process as an owner.
   * @param snapshotHome the data folder, or null to boot every executor cold
   * @param egress what sandboxes may reach, or null for no network
   * @throws ManagerError SETUP_FAILED when cgroups, or a network that is asked for, cannot be had
   */
  static async open(
    { runscPath, runscVersion, capabilities, sidecars, runtimes }: Installation,
    platform: Platform,
    snapshotHome: string | null,
    egress: EgressSettings | null,
    events: EngineEvents,
  ): Promise<RunscEngine> {
    const tree = openCgroupTree()
    const swept = await sweepLeftovers(tree, events.sweepFailed)
    const owner = claimOwnership(tree)
    const snapshots = snapshotHome === null ? null : new SnapshotStore(snapshotHome)
    const agents: FileLock[] = []
    try {
      for (const { rootfs, ...agent } of runtimes) agents.push(await holdAgent(rootfs, agent))
      const network = egress && (await EgressNetwork.open(owner, egress, events.connectionsRefused))
      const sharedFolder = makeSharedFolder(owner)
      const setting = { runscPath, capabilities, platform, sharedFolder }
      return new RunscEngine(
        { setting, runscVersion, sidecars, tree, owner, snapshots, network, events },
        agents,
        swept,
      )
    } catch (error) {
      for (const lock of agents) lock.release()
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

  /**
   * Renews the snapshots from now on, one at a time.
   * @param isQuiet whether nobody waits for an executor
   */
  startRenewing(limits: RenewalSettings, isQuiet: () => boolean): void {
    this.#renewing = this.#renew(limits, isQuiet)
  }

  async #renew(limits: RenewalSettings, isQuiet: () => boolean): Promise<void> {
    const { signal } = this.#closing
    const wait = () => sleep(RENEWAL_REVIEW_MS, true, { signal, ref: false }).catch(() => false)
    while (await wait()) {
      for (const maker of this.#makers) {
        if (!signal.aborted) await maker.renew(limits, isQuiet())
      }
    }
  }

  /** Forgets the owner's mark. All executors must be disposed of. */
  async close(): Promise<void> {
    this.#closing.abort()
    await this.#renewing
    await Promise.all(this.#makers.map((maker) => maker.close()))
    for (const lock of this.#agents) lock.release()
    await this.#workshop.network?.close()
    await dropOwnership(this.#workshop.owner, this.#workshop.tree)
  }
}
