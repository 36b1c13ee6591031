import { statfsSync } from 'node:fs'
import { setTimeout as sleep } from 'node:timers/promises'
import { scaledMs } from '../../lib/time-scale.ts'
import { MIB } from '../../lib/units.ts'
import {
  CheckpointRefused,
  type KeptSandbox,
  type SandboxLimits,
  type SandboxUse,
} from '../../sessions/engine.ts'
import { Channels } from '../../supervisor/channels.ts'
import type { EngineContext } from './engine-context.ts'
import type { Launched, Launcher } from './launcher.ts'
import { hasPendingKill } from './pending-kill.ts'
import { untilAsleep } from './sleep-watch.ts'

/** What gVisor itself may hold more after a restore than it did before. */
const RESTORED_BYTES = 32 * MIB
/** How long a sandbox may take to answer after a checkpoint of it failed. */
const ANSWER_MS = scaledMs(5000)

/** Source: TMPFS_MAGIC of statfs(2). */
const TMPFS = 0x01021994

/** A runsc sandbox that a caller keeps. */
export class SessionSandbox implements KeptSandbox {
  readonly id: string
  readonly ended: Promise<void>
  readonly channels: Channels
  readonly #launched: Launched
  readonly #launcher: Launcher
  readonly #context: Pick<EngineContext, 'reaper' | 'processors'>
  readonly #endMemoryWatch: (() => void) | null
  #baseBytes = 0
  /** What it may hold beside what its caller asked for. */
  #freeBytes = 0
  #limitBytes = 0
  #isFrozen = false
  #isRanked = false
  #disposal: Promise<void> | null = null

  /** @param channels of the sandbox that this one was restored from; null: it is a new one */
  constructor(
    launched: Launched,
    launcher: Launcher,
    channels: Channels | null,
    context: Pick<EngineContext, 'reaper' | 'processors'>,
  ) {
    const { id, sandbox } = launched
    this.id = id
    this.ended = sandbox.ended
    this.#launched = launched
    this.#launcher = launcher
    this.#context = context
    if (channels) channels.reattach(sandbox.input, sandbox.output)
    this.channels = channels ?? new Channels(sandbox.input, sandbox.output)
    // A sandbox that lost a process for want of memory may hang.
    this.#endMemoryWatch = sandbox.cgroup.watchMemory(() => this.#lookForMemoryKill())
    // One that says what it must not is of no use to anybody.
    void this.channels.ended.then(() => sandbox.kill())
  }

  /**
   * Waits until its supervisor answers, and sets its limits.
   * @param baseBytes above which it may hold the memory of its limits; null: what it holds now
   * @throws SessionLostError
   */
  async begin(
    limits: Pick<SandboxLimits, 'memoryBytes' | 'cpus'>,
    baseBytes: number | null,
  ): Promise<void> {
    const { cgroup } = this.#launched.sandbox
    this.channels.resume()
    await this.channels.pause()
    this.channels.resume()
    this.#baseBytes = baseBytes ?? cgroup.memoryBytes()
    const restored = baseBytes === null ? 0 : RESTORED_BYTES
    this.#freeBytes = this.#baseBytes + restored
    this.setLimits(limits)
    this.#context.processors.made(cgroup)
  }

  setLimits({ memoryBytes, cpus }: Pick<SandboxLimits, 'memoryBytes' | 'cpus'>): void {
    const { cgroup } = this.#launched.sandbox
    this.#limitBytes = this.#freeBytes + memoryBytes
    cgroup.setMemoryLimit(this.#limitBytes)
    cgroup.setCpuLimit(cpus)
  }

  /** Gives it the rank of one that somebody uses. */
  rank(): void {
    if (!this.#isRanked) this.#context.processors.begin(this.#launched.sandbox.cgroup)
    this.#isRanked = true
  }

  get baseBytes(): number {
    return this.#baseBytes
  }

  /** What runsc and the supervisor wrote to standard error, for a failed start. */
  get errors(): string {
    return this.#launched.sandbox.errors
  }

  use(): SandboxUse {
    const { cgroup } = this.#launched.sandbox
    return { memoryBytes: cgroup.memoryBytes(), cpuTimeMs: cgroup.cpuTimeUs() / 1000 }
  }

  async freeze(): Promise<boolean> {
    const { cgroup } = this.#launched.sandbox
    if (this.#isFrozen) return true
    if (!(await untilAsleep(() => cgroup.threads()))) return false
    cgroup.freeze()
    this.#isFrozen = true
    this.channels.isStill = true
    return true
  }

  thaw(): void {
    this.rank()
    if (this.#isFrozen) this.#launched.sandbox.cgroup.thaw()
    this.#isFrozen = false
    this.channels.isStill = false
  }

  isKilled(): boolean {
    try {
      return this.#isFrozen && hasPendingKill(this.#launched.sandbox.cgroup.processes())
    } catch {
      // No descriptor free: the next look may have one.
      return false
    }
  }

  async checkpoint(folder: string): Promise<void> {
    this.thaw()
    await this.channels.pause()
    const endLift = this.#liftLimitFor(folder)
    try {
      await this.#launcher.checkpoint(this.id, this.#launched.network !== null, folder)
    } catch (error) {
      endLift()
      if (!(await this.#goesOn())) throw error
      throw new CheckpointRefused((error as Error).message, { cause: error })
    }
  }

  /** What it writes to a folder in memory counts as its own: then it may hold twice as much until it has ended. */
  #liftLimitFor(folder: string): () => void {
    const { cgroup } = this.#launched.sandbox
    if (statfsSync(folder).type !== TMPFS) return () => {}
    cgroup.setMemoryLimit(2 * this.#limitBytes)
    return () => cgroup.setMemoryLimit(this.#limitBytes)
  }

  /** Whether it still answers after a checkpoint that failed. */
  async #goesOn(): Promise<boolean> {
    this.channels.resume()
    const answers = this.channels.pause().then(
      () => true,
      () => false,
    )
    const isOver = Promise.race([this.ended, sleep(ANSWER_MS, null, { ref: false })])
    const goesOn = await Promise.race([answers, isOver.then(() => false)])
    if (goesOn) this.channels.resume()
    return goesOn
  }

  dispose(): Promise<void> {
    this.#disposal ??= this.#dispose()
    return this.#disposal
  }

  async #dispose(): Promise<void> {
    const { sandbox, network } = this.#launched
    this.#endMemoryWatch?.()
    this.#context.processors.made(sandbox.cgroup)
    this.#context.processors.end(sandbox.cgroup)
    await this.#context.reaper.remove(this.id, () => sandbox.dispose())
    network?.release()
  }

  #lookForMemoryKill(): void {
    const { sandbox } = this.#launched
    try {
      if (sandbox.cgroup.outOfMemoryKills() > 0) sandbox.kill()
    } catch {
      // No descriptor free for the counter: the next look may have one.
    }
  }

  /** Looks whether the kernel has killed in it, where it does not tell of that by itself (cgroup v1). */
  look(): void {
    if (!this.#endMemoryWatch) this.#lookForMemoryKill()
  }
}
