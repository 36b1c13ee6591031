import path from 'node:path'
import { setTimeout as sleep } from 'node:timers/promises'
import { ManagerError } from '../../errors.ts'
import { holdGuest } from '../../images/guest.ts'
import type { FileLock } from '../../lib/file-lock.ts'
import { EgressNetwork, type EgressSettings } from '../../network/egress.ts'
import type { RunLimits } from '../../run/types.ts'
import { canResetPeak } from './cgroup-peak.ts'
import { openCgroupTree } from './cgroup-tree.ts'
import type { EngineContext, EngineEvents } from './engine-context.ts'
import { ExecutorMaker } from './executor-maker.ts'
import type { RenewalSettings } from './generation.ts'
import type { Installation, InstalledRuntime } from './installation.ts'
import { type Job, type JobEnd, runJob } from './job.ts'
import {
  claimOwnership,
  dropOwnership,
  makeMemoryFolder,
  makeSharedFolder,
  sweepLeftovers,
} from './owner.ts'
import type { Platform } from './platform.ts'
import { type Demand, ProcessorShares } from './processor-shares.ts'
import { Reaper } from './reaper.ts'
import { SessionFactory, type SessionShape } from './session-factory.ts'
import { SnapshotStore } from './snapshot-store.ts'

/** How often is checked whether a snapshot has to be renewed. */
const RENEWAL_REVIEW_MS = 1000

/** Makes executors out of runsc sandboxes, and removes everything of them from this machine. */
export class RunscEngine {
  readonly #context: EngineContext
  readonly #stopping: AbortController
  #makers: readonly ExecutorMaker[] = []
  /** Locks of the files that sandboxes are started from. */
  readonly #guests: FileLock[]
  #renewing: Promise<void> = Promise.resolve()
  /** Sandboxes that an earlier, killed manager had left and that were removed. */
  readonly sweptSandboxes: number
  /** Whether the kernel counts the memory peak of a run, and not only that of its executor's life. */
  readonly countsPeaks: boolean

  private constructor(
    context: EngineContext,
    guests: FileLock[],
    stopping: AbortController,
    sweptSandboxes: number,
  ) {
    const { owner, tree } = context
    this.#context = context
    this.#guests = guests
    this.#stopping = stopping
    this.sweptSandboxes = sweptSandboxes
    this.countsPeaks = tree.version === 1 || canResetPeak(path.join(tree.folder, owner.name))
  }

  /**
   * Opens the cgroup tree, removes what killed managers left, and marks this process as an owner.
   * @param snapshotHome the data folder; null: boot every executor cold
   * @param egress what sandboxes may reach; null: they have no network
   * @param demand what the ranks of sandboxes for the processor depend on
   * @throws ManagerError SETUP_FAILED when cgroups, or a network that is asked for, cannot be had
   */
  static async open(
    { runscPath, runscVersion, capabilities, sidecars, runtimes }: Installation,
    platform: Platform,
    snapshotHome: string | null,
    egress: EgressSettings | null,
    events: EngineEvents,
    demand: Demand,
  ): Promise<RunscEngine> {
    const tree = openCgroupTree()
    const swept = await sweepLeftovers(tree, events.sweepFailed)
    const owner = await claimOwnership(tree)
    const stop = new AbortController()
    const stopping = stop.signal
    const reaper = new Reaper(stopping, events.notRemoved)
    const snapshots = snapshotHome === null ? null : new SnapshotStore(snapshotHome)
    const guests: FileLock[] = []
    try {
      for (const { rootfs, ...guest } of runtimes) guests.push(await holdGuest(rootfs, guest))
      const network = egress && (await EgressNetwork.open(owner, egress, events.connectionsRefused))
      const sharedFolder = makeSharedFolder(owner)
      const setting = { runscPath, capabilities, platform, sharedFolder }
      const places = { setting, runscVersion, sidecars, tree, owner }
      const processors = new ProcessorShares(demand)
      const context = { ...places, snapshots, network, events, reaper, processors, stopping }
      return new RunscEngine(context, guests, stop, swept)
    } catch (error) {
      for (const lock of guests) lock.release()
      await dropOwnership(owner, tree)
      throw error
    }
  }

  /**
   * Returns a maker of executors of one runtime.
   * @param policy rules for the inspection of code, as the runner takes them; null: no inspection
   */
  makerFor(
    installed: InstalledRuntime,
    limits: RunLimits,
    policy: Buffer | null = null,
  ): ExecutorMaker {
    const network = installed.mayConnect === false ? null : this.#context.network
    const context = { ...this.#context, network }
    const maker = new ExecutorMaker(context, installed, limits, policy)
    this.#makers = [...this.#makers, maker]
    return maker
  }

  /** Makes the snapshots that are missing, or all of them anew. Never rejects. */
  async prepareSnapshots(anew = false): Promise<void> {
    await Promise.all(this.#makers.map((maker) => maker.prepare(anew)))
  }

  /**
   * Keeps the files of a template that was built later where they are, as those of the installation.
   * @returns a function that lets them go
   * @throws ManagerError SETUP_FAILED when they are gone
   */
  async hold({ rootfs, ...guest }: InstalledRuntime): Promise<() => void> {
    const lock = await holdGuest(rootfs, guest)
    this.#guests.push(lock)
    return () => {
      this.#guests.splice(this.#guests.indexOf(lock), 1)
      lock.release()
    }
  }

  /** Ends a maker whose executors are all gone, and releases its snapshots. */
  async drop(maker: ExecutorMaker): Promise<void> {
    this.#makers = this.#makers.filter((other) => other !== maker)
    await maker.close()
  }

  /**
   * Runs one program in a sandbox of its own, without supervisor and pool.
   * @param onOutput takes its standard output; what it throws ends the sandbox
   * @throws ManagerError ENGINE_FAILED, SHUTTING_DOWN, and what onOutput throws
   */
  runJob(job: Job, onOutput: (chunk: Buffer) => void): Promise<JobEnd> {
    return runJob(this.#context, job, onOutput)
  }

  /**
   * Makes a folder in memory that is this process's alone, for what must not lie on a disk in plain. It goes with
   * the owner's mark.
   * @throws ManagerError SETUP_FAILED
   */
  makeMemoryFolder(): string {
    return makeMemoryFolder(this.#context.owner)
  }

  /** Returns a maker of the sandboxes of sessions of one template. */
  sessionsFor(
    installed: InstalledRuntime,
    limits: RunLimits,
    shape: SessionShape = {},
  ): SessionFactory {
    const network = installed.mayConnect === false ? null : this.#context.network
    return new SessionFactory({ ...this.#context, network }, installed, limits, shape)
  }

  /**
   * Starts to renew the snapshots in the background, one at a time.
   * @param isQuiet tells whether no run waits for an executor
   */
  startRenewing(limits: RenewalSettings, isQuiet: () => boolean): void {
    this.#renewing = this.#renew(limits, isQuiet)
  }

  async #renew(limits: RenewalSettings, isQuiet: () => boolean): Promise<void> {
    const { signal } = this.#stopping
    const wait = () => sleep(RENEWAL_REVIEW_MS, true, { signal, ref: false }).catch(() => false)
    while (await wait()) {
      for (const maker of this.#makers) {
        if (!signal.aborted) await maker.renew(limits, isQuiet())
      }
    }
  }

  /** Ends the making of executors and snapshots. None can be made afterwards. */
  stopMaking(): void {
    const why = 'The executor manager is shutting down.'
    if (!this.#stopping.signal.aborted) this.#stopping.abort(new ManagerError('SHUTTING_DOWN', why))
  }

  /**
   * Removes the owner's mark. All executors must be disposed of before.
   * @throws ManagerError when something could not be removed. The mark stays then, and by it the next start
   *   finds and removes what is left
   */
  async close(): Promise<void> {
    this.stopMaking()
    await this.#renewing
    await Promise.all(this.#makers.map((maker) => maker.close()))
    const left = await this.#context.reaper.settled()
    for (const lock of this.#guests) lock.release()
    await this.#context.network?.close()
    if (left.length > 0) {
      const what = `sandboxes ${left.join(', ')} could not be removed`
      throw new ManagerError('ENGINE_FAILED', `${what}: the next start tries again.`)
    }
    await dropOwnership(this.#context.owner, this.#context.tree)
  }
}
