import { ManagerError } from '../../errors.ts'
import type { Runtime } from '../../runtimes/definition.ts'
import type { SandboxFactory } from './sandbox-factory.ts'
import { readAhead, type Snapshot, type SnapshotStore } from './snapshot-store.ts'
import type { EngineEvents } from './workshop.ts'

/** How long none is made after one could not be made or did not restore when new. */
const FALLBACK_MS = 60_000

/** The snapshot of one runtime: found, built, verified, condemned when it does not restore. */
export class WarmSnapshots {
  readonly #runtime: Runtime
  readonly #factory: SandboxFactory
  readonly #store: SnapshotStore
  readonly #events: EngineEvents
  #snapshot: Snapshot | null = null
  #building: Promise<void> | null = null
  /** By the clock that nobody sets. */
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
   * Finds the snapshot, or makes it. Never rejects: there may be none afterwards.
   * @param anew make it even if there is one
   */
  async prepare(anew: boolean): Promise<void> {
    this.#snapshot = anew ? null : this.#store.find(this.#factory.facts)
    if (!this.#snapshot) return this.#build()
    await readAhead(this.#snapshot).catch(() => {})
    this.#events.snapshotReady(this.#runtime.name, this.#snapshot.createdAtMs)
  }

  /** The one to restore from, or null: then one is being made, unless that failed lately. */
  pick(): Snapshot | null {
    if (!this.#snapshot && performance.now() > this.#fallbackUntilMs) void this.#build()
    return this.#snapshot
  }

  /** A snapshot that does not restore goes, once however many restores it failed. */
  condemn(snapshot: Snapshot): void {
    if (this.#snapshot !== snapshot) return
    this.#snapshot = null
    void this.#build()
  }

  /** Resolves when no snapshot is being made. */
  async settled(): Promise<void> {
    await this.#building
  }

  #build(): Promise<void> {
    this.#building ??= this.#tryToBuild().finally(() => {
      this.#building = null
    })
    return this.#building
  }

  async #tryToBuild(): Promise<void> {
    const { name } = this.#runtime
    this.#events.snapshotBuilding(name)
    let draft: string | null = null
    try {
      draft = this.#store.draft(this.#factory.facts)
      await this.#factory.checkpoint(draft)
      await this.#verify(draft)
      this.#snapshot = this.#store.commit(draft, this.#factory.facts)
      this.#events.snapshotReady(name, this.#snapshot.createdAtMs)
    } catch (error) {
      this.#fallbackUntilMs = performance.now() + FALLBACK_MS
      this.#events.coldFallback(name, error as Error)
      if (draft) this.#store.discard(draft)
      this.#store.noteFallback(name, (error as Error).message)
    }
  }

  /** Restores it and runs the runtime's probe program, which is ours and not to be inspected. */
  async #verify(folder: string): Promise<void> {
    const { name, probe } = this.#runtime
    const executor = await this.#factory.restore(folder, null)
    try {
      const task = { code: Buffer.from(probe.code), argumentsJson: Buffer.from('{}') }
      const { transcript } = await executor.run(task, new AbortController().signal)
      const result = transcript.result?.toString('utf8') ?? null
      const stdout = Buffer.concat(transcript.stdout).toString('utf8')
      if (result !== probe.result || stdout !== probe.stdout) {
        throw new ManagerError('ENGINE_FAILED', `the snapshot of ${name} gives a wrong answer`)
      }
    } finally {
      await executor.dispose()
    }
  }
}
