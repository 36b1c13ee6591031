import { existsSync } from 'node:fs'
import type { DatabaseOptions } from './database.ts'
import { KeptFiles } from './kept-files.ts'
import { StoreThread } from './thread.ts'

const SWEEP_MS = 30_000
/** What was confirmed so long ago outlives a power failure too. */
const CHECKPOINT_MS = 1000

/**
 * What the manager keeps for callers over restarts: accepted runs and what they leave, and files of front
 * doors. It lies in one folder, which is made when there is something to keep.
 */
export class Store {
  readonly #options: DatabaseOptions
  readonly thread: StoreThread
  readonly #onFailure: (error: Error) => void
  readonly #timers: NodeJS.Timeout[] = []

  /** @param onFailure told of failures that no caller waits for */
  constructor(options: DatabaseOptions, onFailure: (error: Error) => void) {
    this.#options = options
    this.thread = new StoreThread(options)
    this.#onFailure = onFailure
  }

  /** Whether there is something from an earlier process. */
  get hasPast(): boolean {
    const { folder } = this.#options
    return folder !== null && existsSync(folder)
  }

  /** Begins to remove what has expired. */
  start(): void {
    const every = (ms: number, work: () => Promise<void>) => {
      const timer = setInterval(() => {
        if (this.thread.isStarted) work().catch(this.#onFailure)
      }, ms)
      this.#timers.push(timer.unref())
    }
    every(SWEEP_MS, () => this.sweep())
    every(CHECKPOINT_MS, () => this.thread.ask('checkpoint'))
  }

  /** Removes what has expired. */
  async sweep(): Promise<void> {
    while (await this.thread.ask('sweep')) {}
  }

  /**
   * The files of a front door.
   * @param door keeps its folders apart from those of others
   */
  filesOf(door: string): KeptFiles {
    return new KeptFiles(this.thread, `door-${door}`)
  }

  /** Closes the store; what was asked before is done. */
  close(): Promise<void> {
    for (const timer of this.#timers) clearInterval(timer)
    return this.thread.close()
  }
}
