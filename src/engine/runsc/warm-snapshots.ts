import { randomInt } from 'node:crypto'
import { setTimeout as sleep } from 'node:timers/promises'
import { ManagerError } from '../../errors.ts'
import { plainTask } from '../../run/task.ts'
import type { Runtime } from '../../runtimes/definition.ts'
import type { EngineEvents } from './engine-context.ts'
import type { RenewalSettings } from './generation.ts'
import { Generation } from './generation.ts'
import type { Pace } from './processor-shares.ts'
import type { SandboxExecutor } from './sandbox-executor.ts'
import type { SandboxFactory } from './sandbox-factory.ts'
import { type Draft, GENERATIONS, readAhead, type SnapshotStore } from './snapshot-store.ts'

/** How long no snapshot is made after making or verifying a new one failed. */
const FALLBACK_MS = 60_000
/** Restores that are tried for one executor before it is started cold. */
const RESTORE_ATTEMPTS = 2
/** How long an executor waits while every snapshot is being verified. */
const VERDICT_PATIENCE_MS = 5000
/** A snapshot is bad when so many verifications in a row fail. */
const VERIFICATIONS = 3

/**
 * Finds, builds, verifies and renews the snapshots of one runtime. Several generations are in use at once, and
 * each restore takes one of them by chance. So a caller cannot tell whether its next executor has the same
 * hash seed and address layout.
 */
export class WarmSnapshots {
  readonly #runtime: Runtime
  readonly #factory: SandboxFactory
  readonly #store: SnapshotStore
  readonly #events: EngineEvents
  #generations: Generation[] = []
  #building: Promise<void> | null = null
  #removing: Promise<void> = Promise.resolve()
  #isClosing = false
  /** Monotonic time (performance.now()): a change of the wall clock does not affect it. */
  #fallbackUntilMs = 0

  constructor(
    runtime: Runtime,
    factory: SandboxFactory,
    store: SnapshotStore,
    events: EngineEvents,
  ) {
    this.#runtime = runtime
    this.#factory = factory
    this.#store = store
    this.#events = events
  }

  /**
   * Finds the snapshots, or makes one. Never rejects; afterwards there may be none.
   * @param anew make one even if there are some, and drop those
   */
  async prepare(anew: boolean): Promise<void> {
    const found = await this.#found()
    this.#generations.push(...found)
    if (anew || found.length === 0) {
      await this.#build('urgent')
      if (!found.includes(this.#generations[0] as Generation)) found.forEach(this.#retire, this)
      return
    }
    for (const { snapshot } of found) await readAhead(snapshot).catch(() => {})
    this.#tellAge()
    await this.#store.collect().catch(() => {})
  }

  /**
   * Restores an executor from one of the snapshots.
   * @param policy rules for the inspection of code, as the runner takes them; null: no inspection
   * @returns null when there is no snapshot to use now; then one is being made, unless that failed less than
   *   60 s ago
   * @throws ManagerError NETWORK_FAILED, SHUTTING_DOWN
   */
  async restore(policy: Buffer | null): Promise<SandboxExecutor | null> {
    for (let attempt = 0; attempt < RESTORE_ATTEMPTS; attempt++) {
      const generation = await this.#pick()
      if (!generation) return null
      try {
        const executor = await this.#restoreFrom(generation, policy)
        generation.restores++
        void executor.begun.then(() => {
          generation.hasServed = true
        })
        return executor
      } catch (error) {
        if (saysNothingOfSnapshot(error)) throw error
        this.#events.restoreFailed(this.#runtime.name, error as Error)
        this.#tryAgain(generation)
      }
    }
    return null
  }

  /**
   * Makes one more generation if there are too few, or if one is due. The others serve meanwhile, and the oldest
   * is dropped when the new one is there.
   * @param isQuiet whether no run waits for an executor
   */
  async renew(limits: RenewalSettings, isQuiet: boolean): Promise<void> {
    const trusted = this.#generations.filter(({ isTrusted }) => isTrusted)
    if (trusted.length === 0 || performance.now() < this.#fallbackUntilMs) return
    const dueness = trusted.map((generation) => generation.dueness(limits))
    const isWanted = trusted.length < GENERATIONS || dueness.some((due) => due !== 'no')
    if (isWanted && (isQuiet || dueness.includes('overdue'))) await this.#build('background')
  }

  /** Releases the snapshots. Resolves when none is being made. */
  async close(): Promise<void> {
    this.#isClosing = true
    await Promise.all(this.#generations.map(({ trial }) => trial))
    await this.#building
    await this.#removing
    for (const { snapshot } of this.#generations.splice(0)) this.#store.release(snapshot)
  }

  async #found(): Promise<Generation[]> {
    const snapshots = await this.#store.find(this.#factory.facts).catch(() => [])
    return snapshots.map((snapshot) => new Generation(snapshot, true))
  }

  async #pick(): Promise<Generation | null> {
    const trials = this.#generations.flatMap(({ trial }) => trial ?? [])
    const isUndecided = trials.length > 0 && trials.length === this.#generations.length
    if (isUndecided)
      await Promise.race([...trials, sleep(VERDICT_PATIENCE_MS, null, { ref: false })])
    const trusted = this.#generations.filter(({ isTrusted }) => isTrusted)
    if (trusted.length > 0) return trusted[randomInt(trusted.length)] as Generation
    if (!this.#building && performance.now() > this.#fallbackUntilMs) this.#recover()
    return null
  }

  /** Verifies bad snapshots again, because the fault may have been the machine's; without any, makes one. */
  #recover(): void {
    const bad = this.#generations.filter(({ isBad }) => isBad)
    for (const generation of bad) this.#tryAgain(generation)
    if (this.#generations.length === 0) void this.#build('urgent')
  }

  async #restoreFrom(
    generation: Generation,
    policy: Buffer | null,
    pace: Pace = 'ahead',
  ): Promise<SandboxExecutor> {
    generation.active++
    try {
      return await this.#factory.restore(generation.snapshot.folder, policy, pace)
    } finally {
      generation.active--
      if (!this.#generations.includes(generation)) this.#removeIfIdle(generation)
    }
  }

  /**
   * Verifies a snapshot from which a restore failed. The restore may have failed for another reason,
   * such as too little processor time: only a snapshot that fails here is replaced.
   */
  #tryAgain(generation: Generation): void {
    generation.trial ??= this.#stands(generation).then((stands) => {
      generation.trial = null
      generation.isBad = !stands
      if (!stands) void this.#build('urgent')
    })
  }

  async #stands(generation: Generation): Promise<boolean> {
    for (let count = 0; count < VERIFICATIONS && !this.#factory.stopping.aborted; count++) {
      if (!this.#store.has(generation.snapshot)) return false
      try {
        await this.#verify(await this.#restoreFrom(generation, null, 'urgent'))
        return true
      } catch (error) {
        // Only the last failure is a verdict.
        if (saysNothingOfSnapshot(error)) return true
      }
    }
    return false
  }

  async #build(pace: Pace): Promise<void> {
    if (this.#isClosing) return
    this.#building ??= this.#tryToBuild(pace).finally(() => {
      this.#building = null
    })
    await this.#building
  }

  async #tryToBuild(pace: Pace): Promise<void> {
    const { name } = this.#runtime
    this.#events.snapshotBuilding(name)
    let draft: Draft | null = null
    try {
      draft = await this.#store.draft()
      await this.#factory.checkpoint(draft.folder, pace)
      // What the runner's probe program does is ours and not to be inspected.
      await this.#verify(await this.#factory.restore(draft.folder, null, pace))
      const snapshot = this.#store.commit(draft, this.#factory.facts)
      draft = null
      this.#generations.unshift(new Generation(snapshot, false))
      this.#retireFormer()
      this.#tellAge()
      await this.#store.collect().catch(() => {})
    } catch (error) {
      if (draft) await this.#store.remove(draft)
      if (this.#factory.stopping.aborted) return
      this.#fallbackUntilMs = performance.now() + FALLBACK_MS
      this.#tellFailure(error as Error)
    }
  }

  /** Has the restored sandbox run the runtime's probe program. */
  async #verify(executor: SandboxExecutor): Promise<void> {
    const { name, probe } = this.#runtime
    try {
      const task = plainTask(Buffer.from(probe.code), this.#factory.limits)
      const { transcript } = await executor.run(task, this.#factory.stopping)
      this.#factory.stopping.throwIfAborted()
      const result = transcript.result?.toString('utf8') ?? null
      const stdout = Buffer.concat(transcript.stdout).toString('utf8')
      if (result !== probe.result || stdout !== probe.stdout) {
        throw new ManagerError('ENGINE_FAILED', `the snapshot of ${name} gives a wrong answer`)
      }
    } finally {
      await this.#factory.remove(executor)
    }
  }

  /** Drops all generations that are bad, and the oldest beyond GENERATIONS. */
  #retireFormer(): void {
    const good = this.#generations.filter(({ isBad }) => !isBad)
    const kept = new Set(good.slice(0, GENERATIONS))
    for (const generation of [...this.#generations]) {
      if (!kept.has(generation)) this.#retire(generation)
    }
  }

  #retire(generation: Generation): void {
    this.#generations = this.#generations.filter((other) => other !== generation)
    this.#removeIfIdle(generation)
  }

  /** Removes a generation's files, unless a restore that is under way needs them. */
  #removeIfIdle({ active, snapshot }: Generation): void {
    if (active > 0) return
    this.#removing = this.#removing.then(() => this.#store.remove(snapshot)).catch(() => {})
  }

  /** Reports the age of the oldest snapshot in use. */
  #tellAge(): void {
    const times = this.#generations.map(({ snapshot }) => snapshot.createdAtMs)
    this.#events.snapshotReady(this.#runtime.name, Math.min(...times))
  }

  #tellFailure(error: Error): void {
    const { name } = this.#runtime
    if (this.#generations.some(({ isTrusted }) => isTrusted)) {
      this.#events.renewalFailed(name, error)
      return
    }
    this.#events.coldFallback(name, error)
    this.#store.noteFallback(name, error.message)
  }
}

/** A failure of the network, or a stop, says nothing about the snapshot: it is kept. */
function saysNothingOfSnapshot(error: unknown): boolean {
  return error instanceof ManagerError && ['NETWORK_FAILED', 'SHUTTING_DOWN'].includes(error.code)
}
