import { randomBytes } from 'node:crypto'
import { scaledMs } from '../../../lib/time-scale.ts'
import type { SessionFiles } from '../../../sessions/files.ts'
import type { Budget, Entry } from '../../accounts.ts'
import type { SandboxCall } from '../sandbox-call.ts'
import { ConnectError } from './connect/errors.ts'
import type { ChangeEvent, FolderEvents } from './watch-events.ts'

/** Of one sandbox at once. */
const MOST_WATCHERS = 32
/** What a watcher may keep of changes that nobody has asked for; then it waits, and the sandbox keeps some more. */
const MOST_BYTES = 128 * 1024
const EVENT_BYTES = 64
/** How long a sandbox may take to say what has happened. */
const TOLD_MS = scaledMs(5000)
/** Entries that one answer has looked up. */
const MOST_ENTRIES = 256

type Place = Pick<SandboxCall, 'caller' | 'sessionId'>

/** Folders that are watched for clients who ask from time to time what has changed. */
export class Watchers {
  readonly #budget: Budget
  readonly #watchers = new Map<string, Map<string, Watcher>>()

  /** @param budget on which each watcher is on its caller's account */
  constructor(budget: Budget) {
    this.#budget = budget
  }

  /**
   * Begins to watch a folder.
   * @returns the id of the watcher
   * @throws ConnectError, FileError, ChannelError, SessionLostError
   */
  async add(
    { caller, sessionId }: Place,
    open: (signal: AbortSignal) => FolderEvents,
  ): Promise<string> {
    const all = this.#watchers.get(sessionId) ?? new Map<string, Watcher>()
    if (all.size >= MOST_WATCHERS) {
      throw new ConnectError(
        'resource_exhausted',
        `a sandbox has at most ${MOST_WATCHERS} watchers`,
      )
    }
    const id = `w${randomBytes(12).toString('hex')}`
    const entry = this.#budget.open(caller, () => watcher.end())
    if (!entry.add(2 * MOST_BYTES)) {
      throw new ConnectError('resource_exhausted', 'too much is held for this caller')
    }
    const watcher = new Watcher(open, entry, () => {
      all.delete(id)
      if (all.size === 0) this.#watchers.delete(sessionId)
    })
    all.set(id, watcher)
    this.#watchers.set(sessionId, all)
    await watcher.begun
    return id
  }

  /**
   * Returns the changes since it was asked last.
   * @param files by which entries are looked up
   * @throws ConnectError not_found
   */
  async take(place: Place, id: string, files: SessionFiles): Promise<ChangeEvent[]> {
    return this.#find(place, id).take(files)
  }

  /** @throws ConnectError not_found */
  remove(place: Place, id: string): void {
    this.#find(place, id).end()
  }

  /** Ends all of them. */
  close(): void {
    for (const all of [...this.#watchers.values()]) for (const one of [...all.values()]) one.end()
  }

  #find({ sessionId }: Place, id: string): Watcher {
    const found = this.#watchers.get(sessionId)?.get(id)
    if (found) return found
    throw new ConnectError('not_found', `watcher with id ${id.slice(0, 64)} not found`)
  }
}

/** One folder that is watched, and its changes until somebody asks for them. */
class Watcher {
  /** Resolves when no change is missed any more; rejects when the folder cannot be watched. */
  readonly begun: Promise<void>
  readonly #controller = new AbortController()
  readonly #source: FolderEvents
  #events: ChangeEvent[] = []
  #bytes = 0
  /** Told of events, of the end, and of room. */
  readonly #waiting = new Set<() => void>()
  #told = 0
  #isOver = false

  constructor(open: (signal: AbortSignal) => FolderEvents, entry: Entry, onEnd: () => void) {
    this.#source = open(this.#controller.signal)
    this.begun = new Promise((resolve, reject) => {
      void this.#follow(resolve)
        .then(() => reject(new ConnectError('unavailable', 'the watcher was ended')), reject)
        .finally(() => {
          this.#isOver = true
          entry.release()
          onEnd()
          this.#wake()
        })
    })
    this.begun.catch(() => {})
  }

  end(): void {
    this.#controller.abort()
    this.#wake()
  }

  async take(files: SessionFiles): Promise<ChangeEvent[]> {
    const before = this.#told
    this.#source.ask()
    const untilMs = performance.now() + TOLD_MS
    while (this.#told === before && !this.#isOver && !this.#isFull && performance.now() < untilMs) {
      await this.#change(untilMs - performance.now())
    }
    const events = this.#events.splice(0)
    this.#bytes = 0
    this.#wake()
    return this.#source.watched.withEntries ? this.#withEntries(events, files) : events
  }

  get #isFull(): boolean {
    return this.#bytes >= MOST_BYTES
  }

  async #follow(begin: () => void): Promise<void> {
    for await (const event of this.#source.all()) {
      if (event === 'begun') begin()
      else if (event === 'told') this.#told++
      else {
        this.#events.push(event)
        this.#bytes += EVENT_BYTES + event.name.length
      }
      this.#wake()
      while (this.#isFull && !this.#controller.signal.aborted) await this.#change()
    }
  }

  /** Each entry is looked up once. */
  async #withEntries(events: ChangeEvent[], files: SessionFiles): Promise<ChangeEvent[]> {
    const entries = new Map<string, object | undefined>()
    const told: ChangeEvent[] = []
    for (const event of events) {
      const isNew = !entries.has(event.name)
      if (isNew && entries.size < MOST_ENTRIES) {
        const { entry } = await this.#source.withEntry(
          { ...event, type: 'EVENT_TYPE_WRITE' },
          files,
        )
        entries.set(event.name, entry)
      }
      const entry = entries.get(event.name)
      const isGone = event.type === 'EVENT_TYPE_REMOVE' || event.type === 'EVENT_TYPE_RENAME'
      told.push(entry && !isGone ? { ...event, entry } : event)
    }
    return told
  }

  /** Resolves at the next change, or after a time. */
  #change(ms?: number): Promise<void> {
    return new Promise((resolve) => {
      const timer = ms === undefined ? undefined : setTimeout(() => go(), ms)
      const go = () => {
        clearTimeout(timer)
        this.#waiting.delete(go)
        resolve()
      }
      this.#waiting.add(go)
    })
  }

  #wake(): void {
    for (const go of [...this.#waiting]) go()
  }
}
