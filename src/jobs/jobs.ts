import { serialize } from 'node:v8'
import { ManagerError } from '../errors.ts'
import type { RunRequest, Runs } from '../run/types.ts'
import type { FileInfo } from './file-rows.ts'
import { type FoundFile, KeptFiles } from './kept-files.ts'
import type { Acceptance, RunInfo, RunToAccept, StoredEvent } from './run-rows.ts'
import { Runner } from './runner.ts'
import type { Store } from './store.ts'
import { type WebhookSettings, Webhooks } from './webhooks.ts'
import type { Words } from './words.ts'

export type { Acceptance, RunInfo, StoredEvent } from './run-rows.ts'

/** How long after a failed start it is tried again. */
const RETRY_MS = 5000
/** How long a cancel waits until the run has ended. */
const CANCEL_MS = 10_000

/**
 * Accepted runs: written to the store, executed when it is their turn, and kept with what they left. Each
 * is on its owner's account; nobody else finds it.
 */
export class Jobs {
  readonly #store: Store
  readonly #words: Words
  readonly #onFailure: (error: Error) => void
  readonly #runner: Runner
  readonly #webhooks: Webhooks
  readonly #files: KeptFiles
  readonly #watchers = new Map<string, Set<() => void>>()
  #timer: NodeJS.Timeout | null = null
  #isStopped = false

  /** @param onFailure told of failures that no caller waits for */
  constructor(
    store: Store,
    runs: Runs,
    words: Words,
    webhooks: WebhookSettings,
    onFailure: (error: Error) => void,
  ) {
    const { thread } = store
    this.#store = store
    this.#words = words
    this.#onFailure = onFailure
    this.#webhooks = new Webhooks(thread, webhooks, onFailure)
    this.#runner = new Runner(
      thread,
      runs,
      words,
      (...change) => this.#changed(...change),
      onFailure,
    )
    this.#files = new KeptFiles(thread, 'files')
  }

  /**
   * Goes on with what an earlier process has left: what it was executing is lost, what waited is executed. A store
   * that cannot be written now is tried again.
   * @throws ManagerError SETUP_FAILED: it is another manager's, or another version's
   */
  async start(): Promise<void> {
    if (!this.#store.hasPast || this.#isStopped) return
    try {
      await this.#store.thread.ask('endRunning', this.#words.lost)
    } catch (error) {
      if (!(error instanceof ManagerError) || error.code !== 'STORE_FAILED') throw error
      this.#onFailure(error)
      this.#timer = setTimeout(() => void this.start().catch(this.#onFailure), RETRY_MS).unref()
      return
    }
    this.#webhooks.wake()
    this.#runner.wake()
  }

  /**
   * Accepts a run: once this resolves, it is executed, whatever becomes of this process.
   * @throws ManagerError HELD_TOO_MUCH, STORE_FAILED
   */
  async accept(
    run: RunRequest,
    { idempotency, callback }: Pick<RunToAccept, 'idempotency' | 'callback'>,
  ): Promise<Acceptance> {
    const { id, caller: owner, template } = run
    const request = serialize(run)
    const accepting = { id, owner, template, request, idempotency, callback }
    const acceptance = await this.#store.thread.ask('accept', accepting)
    if (acceptance.isNew) this.#runner.wake()
    return acceptance
  }

  /** @returns null if the run does not exist or belongs to another owner */
  find(owner: string, id: string): Promise<RunInfo | null> {
    return this.#store.thread.ask('findRun', owner, id)
  }

  /** An owner's runs, the youngest first. @param before those older than this one; null: all */
  list(owner: string, before: string | null, most: number): Promise<RunInfo[]> {
    return this.#store.thread.ask('listRuns', owner, before, most)
  }

  /** Events behind a number, in order: a part of them, up to about so many bytes. */
  events(owner: string, id: string, after: number, mostBytes: number): Promise<StoredEvent[]> {
    return this.#store.thread.ask('events', owner, id, after, mostBytes)
  }

  /** The outcome of a run without its files, as words.endingOf() told it; null: it has none. */
  async outcome(owner: string, id: string): Promise<AsyncGenerator<Buffer> | null> {
    const found = await new KeptFiles(this.#store.thread, 'outcome').get(owner, id, 'outcome')
    return found?.read() ?? null
  }

  /** The files that a run has left. */
  files(owner: string, id: string): Promise<FileInfo[]> {
    return this.#files.list(owner, id)
  }

  file(owner: string, id: string, name: string): Promise<FoundFile | null> {
    return this.#files.get(owner, id, name)
  }

  /**
   * Cancels a run that waits or executes, and waits until it has ended.
   * @returns its state after that; null: there is no such run
   */
  async cancel(owner: string, id: string): Promise<RunInfo | null> {
    const deadline = AbortSignal.timeout(CANCEL_MS)
    for (;;) {
      const run = await this.find(owner, id)
      if (!run || run.state === 'ended' || deadline.aborted) return run
      if (this.#runner.cancel(id)) await this.changed(id, deadline)
      else if (await this.#store.thread.ask('endWaiting', owner, id, this.#words.canceled)) {
        this.#changed(id, true)
      }
    }
  }

  /** Removes a run that has ended, with all that it left. @returns whether it was there */
  remove(owner: string, id: string): Promise<boolean> {
    return this.#store.thread.ask('removeRun', owner, id)
  }

  /** Resolves when something about a run has changed, or the signal fires, or a stop begins. */
  changed(id: string, signal: AbortSignal): Promise<void> {
    return new Promise((resolve) => {
      if (signal.aborted || this.#isStopped) return resolve()
      const watchers = this.#watchers.get(id) ?? new Set()
      this.#watchers.set(id, watchers)
      const go = () => {
        signal.removeEventListener('abort', go)
        watchers.delete(go)
        if (watchers.size === 0 && this.#watchers.get(id) === watchers) this.#watchers.delete(id)
        resolve()
      }
      watchers.add(go)
      signal.addEventListener('abort', go)
    })
  }

  get isStopped(): boolean {
    return this.#isStopped
  }

  /** Begins no more runs and webhooks, and lets nobody wait any longer. */
  stop(): void {
    this.#isStopped = true
    clearTimeout(this.#timer ?? undefined)
    this.#runner.stop()
    for (const id of [...this.#watchers.keys()]) this.#wakeWatchers(id)
  }

  /** Resolves when what runs have left is written down. */
  async idle(): Promise<void> {
    await Promise.all([this.#runner.idle(), this.#webhooks.stop()])
  }

  #changed(id: string, isOver: boolean): void {
    this.#wakeWatchers(id)
    if (isOver) this.#webhooks.wake()
  }

  #wakeWatchers(id: string): void {
    for (const go of [...(this.#watchers.get(id) ?? [])]) go()
  }
}
