import { setImmediate as turn } from 'node:timers/promises'
import { deserialize } from 'node:v8'
import { ManagerError } from '../errors.ts'
import { mediaTypeOf } from '../run/media-types.ts'
import type { RunOutcome, RunRequest, Runs } from '../run/types.ts'
import { OwnerTurns } from './owner-turns.ts'
import { Recorder } from './recorder.ts'
import type { RunEnding, RunInfo } from './run-rows.ts'
import type { StoreThread } from './thread.ts'
import type { ToldEnding, Words } from './words.ts'

/** Accepted runs that are handed over at a time, of one owner and of all; the others wait on the disk. */
const AT_ONCE_PER_OWNER = 8
const AT_ONCE = 64
/** What runs that were handed over were sent, in bytes; one more may go over it. */
const AT_ONCE_BYTES = 64 * 1024 ** 2
/** How long after a failure that may pass it is tried again. */
const PAUSE_MS = 1000
const LONGEST_PAUSE_MS = 30_000

interface Handed {
  readonly owner: string
  readonly bytes: number
  readonly controller: AbortController
}

/**
 * Executes accepted runs: takes them from the store, owners by turns, hands them to `Runs` as their owner's, and
 * writes down what becomes of them.
 *
 *   queued ──take──► handed over ──beforeCode──► running ──► ended
 *     ▲                   │ no executor in time, a stop, a full disk
 *     └──────giveBack─────┘
 *
 * `running` is in the store before any code runs. So a run that a killed process leaves as `queued` has not
 * begun and is executed after the restart; one that it leaves as `running` is never executed again.
 */
export class Runner {
  readonly #thread: StoreThread
  readonly #runs: Runs
  readonly #words: Words
  readonly #changed: (id: string, isOver: boolean) => void
  readonly #onFailure: (error: Error) => void
  readonly #handed = new Map<string, Handed>()
  readonly #ends = new Set<Promise<void>>()
  readonly #turns = new OwnerTurns()
  #feeding: Promise<void> | null = null
  #isWanted = false
  readonly #stopping = new AbortController()
  #timer: NodeJS.Timeout | null = null

  /**
   * @param changed told when what the store says of a run has changed; over: it is not with the runner any more
   * @param onFailure told of failures that no caller waits for
   */
  constructor(
    thread: StoreThread,
    runs: Runs,
    words: Words,
    changed: (id: string, isOver: boolean) => void,
    onFailure: (error: Error) => void,
  ) {
    this.#thread = thread
    this.#runs = runs
    this.#words = words
    this.#changed = changed
    this.#onFailure = onFailure
  }

  get #isStopped(): boolean {
    return this.#stopping.signal.aborted
  }

  /** Tells that runs wait. */
  wake(): void {
    if (this.#isStopped) return
    this.#isWanted = true
    this.#feeding ??= this.#feed().finally(() => {
      this.#feeding = null
      if (this.#isWanted) this.wake()
    })
  }

  /** @returns false when it is not on its way to an executor and does not run */
  cancel(id: string): boolean {
    const handed = this.#handed.get(id)
    handed?.controller.abort()
    return handed !== undefined
  }

  /** Hands over no more. Those that have not begun wait for the next start. */
  stop(): void {
    this.#stopping.abort()
    clearTimeout(this.#timer ?? undefined)
  }

  /** Resolves when what was handed over has been written down. */
  async idle(): Promise<void> {
    await this.#feeding
    while (this.#ends.size > 0) await Promise.all(this.#ends)
  }

  async #feed(): Promise<void> {
    while (this.#isWanted && !this.#isStopped) {
      this.#isWanted = false
      try {
        const waiting = await this.#thread.ask('waitingOwners')
        for (const owner of this.#turns.order(waiting, (one) => one)) {
          if (!this.#mayTake(owner)) continue
          const taken = await this.#thread.ask('take', owner)
          if (!taken) continue
          this.#turns.served(owner)
          this.#hand(taken.run, taken.request)
          // Others first, then this owner again.
          this.#isWanted = true
        }
      } catch (error) {
        this.#onFailure(error as Error)
        this.#wakeLater()
      }
    }
  }

  #mayTake(owner: string): boolean {
    const handed = [...this.#handed.values()]
    const bytes = handed.reduce((sum, one) => sum + one.bytes, 0)
    const own = handed.filter((one) => one.owner === owner).length
    return own < AT_ONCE_PER_OWNER && handed.length < AT_ONCE && bytes < AT_ONCE_BYTES
  }

  #hand(run: RunInfo, request: Uint8Array): void {
    const controller = new AbortController()
    this.#handed.set(run.id, { owner: run.owner, bytes: request.length, controller })
    const end = this.#execute(run, request, controller.signal)
      .catch((error) => this.#onFailure(error as Error))
      .finally(() => {
        this.#handed.delete(run.id)
        this.#ends.delete(end)
        this.#changed(run.id, true)
        this.wake()
      })
    this.#ends.add(end)
  }

  async #execute({ owner, id }: RunInfo, bytes: Uint8Array, signal: AbortSignal): Promise<void> {
    const request = requestOf(bytes)
    if (!request) return void (await this.#thread.ask('end', owner, id, this.#words.lost))
    const recorder = new Recorder(id, this.#thread, this.#words, () => this.#changed(id, false))
    let hasBegun = false
    const beforeCode = async () => {
      if (!(await this.#thread.ask('begin', owner, id))) throw new Error('it waits no more')
      hasBegun = true
      recorder.begin()
      this.#changed(id, false)
    }
    let outcome: RunOutcome | null = null
    let ending: ToldEnding
    try {
      const onEvent = recorder.tell.bind(recorder)
      outcome = await this.#runs.start(request, { signal, onEvent, beforeCode })
      ending = this.#words.endingOf(request, outcome)
    } catch (error) {
      if (!hasBegun && mayPass(error)) {
        await this.#pause(signal)
        await this.#thread.ask('giveBack', id)
        return
      }
      ending = this.#words.failureOf(request, error as Error, hasBegun)
    }
    const whole: RunEnding = {
      ...ending,
      outcome: ending.outcome && (await bytesOf(ending.outcome)),
    }
    await this.#untilWritten(async () => {
      if (hasBegun) await recorder.end()
      for (const { path, content } of outcome?.files ?? []) {
        const file = {
          name: path,
          mediaType: mediaTypeOf(path),
          content: [content],
          expiresMs: null,
        }
        await this.#thread.ask('addFile', owner, id, file)
      }
      await this.#thread.ask('end', owner, id, whole)
    })
  }

  /** Tries again while the disk is full: what a run has left must not be lost. A stop ends that. */
  async #untilWritten(write: () => Promise<void>): Promise<void> {
    for (let pauseMs = PAUSE_MS; ; pauseMs = Math.min(2 * pauseMs, LONGEST_PAUSE_MS)) {
      try {
        return await write()
      } catch (error) {
        if (!(error instanceof ManagerError) || this.#isStopped) throw error
        this.#onFailure(error)
        await new Promise((resolve) => setTimeout(resolve, pauseMs).unref())
      }
    }
  }

  /** It keeps its place among those that were handed over: its owner has no others tried meanwhile. */
  #pause(signal: AbortSignal): Promise<void> {
    return new Promise((resolve) => {
      if (signal.aborted || this.#isStopped) return resolve()
      setTimeout(resolve, PAUSE_MS).unref()
      signal.addEventListener('abort', () => resolve(), { once: true })
      this.#stopping.signal.addEventListener('abort', () => resolve(), { once: true })
    })
  }

  #wakeLater(): void {
    if (this.#isStopped) return
    this.#timer ??= setTimeout(() => {
      this.#timer = null
      this.wake()
    }, PAUSE_MS).unref()
  }
}

/** @returns null when it cannot be read, such as one that another version wrote */
function requestOf(bytes: Uint8Array): RunRequest | null {
  try {
    return deserialize(bytes) as RunRequest
  } catch {
    return null
  }
}

/** Failures of the moment: nothing of the run was executed, and later it can be. */
function mayPass(error: unknown): boolean {
  return error instanceof ManagerError && error.retryable
}

/** Text as UTF-8; others have their turn in between. */
async function bytesOf(text: Iterable<string>): Promise<Buffer[]> {
  const pieces: Buffer[] = []
  for (const piece of text) {
    pieces.push(Buffer.from(piece))
    if (pieces.length % 4 === 0) await turn()
  }
  return pieces
}
