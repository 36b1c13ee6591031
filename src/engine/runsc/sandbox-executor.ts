import { ManagerError } from '../../errors.ts'
import { scaledMs } from '../../lib/time-scale.ts'
import { MIB } from '../../lib/units.ts'
import type { NetworkLease } from '../../network/egress.ts'
import type { KeptExecutor } from '../../pool/executor.ts'
import type { RunRecord, Transcript } from '../../run/record.ts'
import type { Task } from '../../run/task.ts'
import type { RunEvent, RunLimits } from '../../run/types.ts'
import { Connection } from '../../supervisor/connection.ts'
import { watchCpuTime } from './cpu-watch.ts'
import type { EngineContext } from './engine-context.ts'
import { RunWatch } from './run-watch.ts'
import type { Sandbox } from './sandbox.ts'
import { untilAsleep } from './sleep-watch.ts'

/**
 * Where the kernel does not count whose limit it was (cgroup v1): it kills for an allocation of a few
 * pages that does not fit under the limit, so who dies of its own limit was this near to it.
 */
const NEAR_LIMIT_BYTES = MIB
/** How long a kept run may take to end by itself once it is interrupted; the supervisor gives up earlier. */
const INTERRUPT_MS = scaledMs(4000)

/** How long a run that has used its processor time may take to tell what it left. */
const LAST_WORDS_MS = scaledMs(5000)

type Listener = (event: RunEvent) => void

/**
 * An executor that is a runsc sandbox. Once its runner is loaded it is frozen, so that waiting costs
 * no processor time, until its one run.
 */
export class SandboxExecutor implements KeptExecutor {
  readonly id: string
  readonly ended: Promise<void>
  /** Resolves when a program is about to run in it. */
  readonly begun: Promise<void>
  #begin = () => {}
  readonly #sandbox: Sandbox
  readonly #connection: Connection
  readonly #limits: RunLimits
  readonly #network: NetworkLease | null
  readonly #context: Pick<EngineContext, 'reaper' | 'processors'>
  #disposal: Promise<void> | null = null
  #idleMemoryBytes = 0
  #idleHostCacheBytes = 0
  #idleCpuTimeUs = 0

  /** @param network disposed of with the executor; null: it has none */
  constructor(
    id: string,
    sandbox: Sandbox,
    limits: RunLimits,
    network: NetworkLease | null,
    context: Pick<EngineContext, 'reaper' | 'processors'>,
  ) {
    this.id = id
    this.#network = network
    this.#context = context
    this.ended = sandbox.ended
    this.begun = new Promise((resolve) => {
      this.#begin = resolve
    })
    this.#sandbox = sandbox
    this.#limits = limits
    this.#connection = new Connection(sandbox.input, sandbox.output, limits)
  }

  /**
   * Waits until the runner of a sandbox that was booted is loaded.
   * @throws ManagerError ENGINE_FAILED with what the sandbox printed
   */
  load(timeoutMs: number): Promise<void> {
    return this.#within(timeoutMs, () => this.#connection.ready())
  }

  /**
   * Has the loaded runner draw randomness of its own and walk the way of a run once.
   * @param policy by which code is inspected, as the runner takes it; null: it is not
   * @throws ManagerError ENGINE_FAILED with what the sandbox printed
   */
  warmUp(policy: Buffer | null, timeoutMs: number): Promise<void> {
    return this.#within(timeoutMs, () => this.#connection.ping(policy))
  }

  async #within(timeoutMs: number, step: () => Promise<void>): Promise<void> {
    const timer = setTimeout(() => this.#sandbox.kill(), timeoutMs)
    try {
      await step()
    } catch (error) {
      const why = `${(error as Error).message} ${this.#sandbox.errors}`.trim()
      throw new ManagerError('ENGINE_FAILED', `executor ${this.id} did not become ready: ${why}`, {
        cause: error,
      })
    } finally {
      clearTimeout(timer)
    }
  }

  /**
   * Sets the template's limits, that of memory above what the executor holds now, and freezes it once its
   * threads sleep.
   */
  async rest(): Promise<void> {
    const { cgroup } = this.#sandbox
    // If they never do, it is used all the same: only few are harmed by a freeze.
    await untilAsleep(() => cgroup.threads())
    this.#idleMemoryBytes = cgroup.memoryBytes()
    this.#idleHostCacheBytes = cgroup.hostCacheBytes()
    cgroup.setMemoryLimit(this.#idleMemoryBytes + this.#limits.memoryBytes)
    cgroup.resetPeakMemory()
    cgroup.setCpuLimit(this.#limits.cpus)
    this.#context.processors.made(cgroup)
    this.#context.processors.begin(cgroup)
    cgroup.freeze()
    this.#idleCpuTimeUs = cgroup.cpuTimeUs()
  }

  get takesRuns(): boolean {
    return this.#connection.takesRuns
  }

  run(task: Task, signal: AbortSignal, onEvent?: Listener): Promise<RunRecord> {
    return this.#run(task, signal, () => this.#connection.run(task, onEvent))
  }

  async runKept(task: Task, signal: AbortSignal, onEvent?: Listener): Promise<RunRecord> {
    const { cgroup } = this.#sandbox
    if (signal.aborted) throw new ManagerError('RUN_CANCELLED', 'The caller has gone.')
    cgroup.resetPeakMemory()
    this.#idleCpuTimeUs = cgroup.cpuTimeUs()
    const talk = () => this.#connection.runKept(task, onEvent)
    const record = await this.#run(task, signal, talk, () => this.#connection.interrupt())
    if (this.takesRuns) this.halt()
    return record
  }

  /**
   * @param talk hands the task over and hears what is said
   * @param interrupt where a run whose caller has gone may end by itself; else its sandbox is killed
   */
  async #run(
    task: Task,
    signal: AbortSignal,
    talk: () => Promise<Transcript>,
    interrupt: (() => void) | null = null,
  ): Promise<RunRecord> {
    const { cgroup } = this.#sandbox
    const { limits } = task
    let intervention: RunRecord['intervention'] | 'late' = null
    this.#begin()
    const end = (reason: NonNullable<typeof intervention>) => {
      intervention ??= reason
      this.#sandbox.kill()
    }
    let patience: NodeJS.Timeout | undefined
    const onAbort = () => {
      if (!interrupt) return end('cancelled')
      interrupt()
      patience = setTimeout(() => end('cancelled'), INTERRUPT_MS)
    }
    let isOver = false
    let isLong = false
    // Of a sandbox whose output has ended, whatever else of it is left is of no use.
    void this.ended.then(() => isOver || this.#sandbox.kill())
    const started = performance.now()
    const endMemoryWatch = cgroup.watchMemory(() => this.#lookForMemoryKill())
    const watch = new RunWatch(limits.wallTimeMs + (interrupt ? INTERRUPT_MS : 0), {
      look: () => {
        // The first look finds that it has gone on for a while.
        if (!isLong) this.#context.processors.lengthen(cgroup)
        isLong = true
        if (!endMemoryWatch) this.#lookForMemoryKill()
      },
      bytesRead: () => this.#connection.bytesRead,
      onDeadline: () => end('deadline'),
      onLate: () => end('late'),
    })
    watch.start()
    let endCpuWatch = () => {}
    const endOfCpuTime = () => {
      intervention ??= 'cpu_time'
      this.#connection.endRun()
      const timer = setTimeout(() => this.#sandbox.kill(), LAST_WORDS_MS)
      endCpuWatch = () => clearTimeout(timer)
    }
    signal.addEventListener('abort', onAbort, { once: true })
    try {
      if (signal.aborted) end('cancelled')
      this.#setLimits(limits)
      cgroup.thaw()
      if (limits.cpuTimeMs !== undefined) {
        endCpuWatch = watchCpuTime(limits.cpuTimeMs, () => this.#cpuTimeMs(), endOfCpuTime)
      }
      const transcript = await talk()
      if (transcript.isTaskUnread && intervention !== 'cancelled') {
        const why = `executor ${this.id} ended before the run`
        throw new ManagerError('EXECUTOR_LOST', `${why}: its sandbox died while it waited.`)
      }
      const ending = intervention as RunRecord['intervention'] | 'late'
      if (ending === 'late' && !transcript.report) {
        const why = `executor ${this.id}: the manager was too busy to follow the run`
        throw new ManagerError('RUN_UNOBSERVED', `${why}; give it more processor time.`)
      }
      const outOfMemoryKills = cgroup.outOfMemoryKills()
      const peakMemoryBytes = Math.max(0, cgroup.peakMemoryBytes() - this.#idleMemoryBytes)
      const nearLimit = peakMemoryBytes >= limits.memoryBytes - NEAR_LIMIT_BYTES
      const ownLimit = cgroup.ownLimitReached() ?? nearLimit
      const { report } = transcript
      const endedWell = report?.cause === 'ended' && report.exitCode === 0 && report.signal === 0
      if (outOfMemoryKills > 0 && !ownLimit && !endedWell) {
        // The victim of somebody else's need: nothing that its program did.
        throw new Error('killed for want of memory around it, within its own limit')
      }
      return {
        transcript,
        intervention: ending === 'late' ? null : ending,
        outOfMemoryKills,
        hasNetwork: this.#network !== null,
        // Asked only where the answer matters: it takes a process.
        refusedConnections: transcript.failure?.network ? await this.#refusals() : 0,
        peakMemoryBytes: Math.max(0, peakMemoryBytes - this.#cachedMeanwhile()),
        cpuTimeMs: this.#cpuTimeMs(),
        wallTimeMs: performance.now() - started,
      }
    } catch (error) {
      if (error instanceof ManagerError) throw error
      throw new ManagerError('ENGINE_FAILED', `executor ${this.id}: ${(error as Error).message}`, {
        cause: error,
      })
    } finally {
      isOver = true
      clearTimeout(patience)
      watch.stop()
      endCpuWatch()
      this.#context.processors.end(cgroup)
      endMemoryWatch?.()
      signal.removeEventListener('abort', onAbort)
    }
  }

  /** Of the run so far. */
  #cpuTimeMs(): number {
    return (this.#sandbox.cgroup.cpuTimeUs() - this.#idleCpuTimeUs) / 1000
  }

  /** Sets what is less for this run than for others of its template. */
  #setLimits({ memoryBytes, cpus }: RunLimits): void {
    const { cgroup } = this.#sandbox
    if (memoryBytes !== this.#limits.memoryBytes) {
      cgroup.setMemoryLimit(this.#idleMemoryBytes + memoryBytes)
    }
    if (cpus !== this.#limits.cpus) cgroup.setCpuLimit(cpus)
  }

  /**
   * Bytes of the host's caches that the run was charged for. They would tell whether another run had
   * read the same file before.
   */
  #cachedMeanwhile(): number {
    return Math.max(0, this.#sandbox.cgroup.hostCacheBytes() - this.#idleHostCacheBytes)
  }

  /**
   * After a kill by the kernel for want of memory the sandbox often does not end but hangs, a guest
   * process having lost its host process. cgroup v2 tells of it; v1 has no event that can be waited for
   * without native code.
   */
  #lookForMemoryKill(): void {
    try {
      if (this.#sandbox.cgroup.outOfMemoryKills() > 0) this.#sandbox.kill()
    } catch {
      // No descriptor free for the counter: it is looked at again, and a timer must not throw.
    }
  }

  halt(): void {
    try {
      this.#sandbox.cgroup.freeze()
    } catch {
      // For want of a descriptor, or because it is gone: then it goes on until it is disposed of.
    }
  }

  /** A filter that cannot be asked now makes a run look as if nothing had been refused. */
  async #refusals(): Promise<number> {
    return (await this.#network?.refusals().catch(() => 0)) ?? 0
  }

  dispose(): Promise<void> {
    this.#disposal ??= this.#dispose()
    return this.#disposal
  }

  async #dispose(): Promise<void> {
    this.#context.processors.made(this.#sandbox.cgroup)
    await this.#context.reaper.remove(this.id, () => this.#sandbox.dispose())
    this.#network?.release()
  }
}
