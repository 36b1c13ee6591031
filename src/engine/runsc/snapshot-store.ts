import { createHash, randomBytes } from 'node:crypto'
import {
  createReadStream,
  existsSync,
  mkdirSync,
  readdirSync,
  readFileSync,
  renameSync,
  rmSync,
  statSync,
  utimesSync,
  writeFileSync,
} from 'node:fs'
import { release } from 'node:os'
import path from 'node:path'
import { finished } from 'node:stream/promises'
import { FileLock } from '../../lib/file-lock.ts'

/** The folder of all snapshots. Made by whoever puts something there, and closed to other users. */
export function snapshotsFolder(home: string): string {
  return path.join(home, 'snapshots')
}

/** Everything that a snapshot depends on: it is of no use when any of it differs. */
export interface SnapshotFacts {
  readonly runtime: string
  readonly runscVersion: string
  /** Programs beside runsc that do a part of its work. */
  readonly sidecars: readonly string[]
  readonly flags: readonly string[]
  readonly imageHash: string
  /** Covers supervisor, runner and preloaded code of ours. */
  readonly guestHash: string
  /** Covers what is preloaded and the limits that are fixed in a sandbox. */
  readonly spec: object
}

/** A snapshot on disk that stays there as long as this manager holds its lock. */
export interface Snapshot {
  /** What `runsc restore --image-path` takes. */
  readonly folder: string
  readonly createdAtMs: number
  readonly lock: FileLock
}

/** A folder to make a snapshot in. */
export type Draft = Pick<Snapshot, 'folder' | 'lock'>

/** Snapshots of the same facts that are kept for the next start, and that a manager finds. */
export const GENERATIONS = 2

/** Raised when what a snapshot holds, or how it is laid out, changes by our own doing. */
const FORMAT = 2
const UNUSED_FOR_MS = 24 * 3600 * 1000
const FACTS_FILE = 'snapshot.json'
const FALLBACK_SUFFIX = '.fallback'
const DRAFT_PREFIX = '.draft-'
/** Runtime, key of the facts, generation. */
const NAME_PATTERN = /^((.+)-[0-9a-f]{16})-[0-9a-f]{8}$/
/** Who collects holds a snapshot's lock for the time of a rename. */
const LOCK_WAIT_S = 5

/**
 * The snapshots on disk: `<home>/snapshots/<runtime>-<key>-<generation>/`, put there whole or not at
 * all. Whoever uses one, or makes one, holds a shared lock on its folder; what can be locked
 * exclusively is therefore used by nobody.
 */
export class SnapshotStore {
  readonly #folder: string

  /** @param home the data folder */
  constructor(home: string) {
    this.#folder = snapshotsFolder(home)
  }

  /** The whole snapshots of these facts, the newest first; each is held for the caller. */
  async find(facts: SnapshotFacts): Promise<Snapshot[]> {
    const own = this.#entries()
      .filter(({ name, createdAtMs }) => createdAtMs !== null && name.startsWith(keyOf(facts)))
      .slice(0, GENERATIONS)
    const found: Snapshot[] = []
    for (const { folder, createdAtMs } of own) {
      const lock = await FileLock.take(folder, 'shared', LOCK_WAIT_S)
      if (lock) found.push({ folder, createdAtMs: createdAtMs as number, lock })
    }
    return found
  }

  /** Whether the snapshot still lies where it was. */
  has({ folder }: Snapshot): boolean {
    return existsSync(folder)
  }

  /** Makes an empty folder to make a snapshot in, for commit() or remove(). */
  async draft(): Promise<Draft> {
    mkdirSync(this.#folder, { recursive: true, mode: 0o700 })
    for (;;) {
      const folder = path.join(this.#folder, `${DRAFT_PREFIX}${randomBytes(8).toString('hex')}`)
      mkdirSync(folder, { mode: 0o700 })
      const lock = await FileLock.take(folder, 'shared', LOCK_WAIT_S)
      // Without the lock, another manager has just taken it for one that a killed manager left.
      if (lock) return { folder, lock }
    }
  }

  /** Puts a draft in its place, where others find it too. It is held for the caller as before. */
  commit({ folder: draft, lock }: Draft, facts: SnapshotFacts): Snapshot {
    const now = Date.now()
    writeFileSync(path.join(draft, FACTS_FILE), JSON.stringify({ ...facts, createdAtMs: now }))
    const folder = path.join(this.#folder, `${keyOf(facts)}-${randomBytes(4).toString('hex')}`)
    renameSync(draft, folder)
    rmSync(path.join(this.#folder, `${facts.runtime}${FALLBACK_SUFFIX}`), { force: true })
    return { folder, createdAtMs: now, lock }
  }

  /**
   * Has nobody find it from now on, and gives it up. It is removed once no other manager uses it, as
   * far as that can be done now.
   */
  async remove({ folder, lock }: Draft): Promise<void> {
    rmSync(path.join(folder, FACTS_FILE), { force: true })
    lock.release()
    await removeUnlessLocked(folder)
  }

  /** Gives it up, to be found by the next manager. */
  release({ folder, lock }: Snapshot): void {
    touch(folder)
    lock.release()
  }

  /**
   * Removes what no manager uses and the next start would not: drafts that somebody left, all but the
   * newest snapshots of the same facts, and those that nobody has used for a day.
   */
  async collect(): Promise<void> {
    const seen = new Map<string, number>()
    for (const { name, folder, createdAtMs } of this.#entries()) {
      const [, key = name] = NAME_PATTERN.exec(name) ?? []
      const newer = seen.get(key) ?? 0
      seen.set(key, newer + 1)
      const isKept =
        createdAtMs !== null && newer < GENERATIONS && usedAgoMs(folder) < UNUSED_FOR_MS
      if (!isKept) await removeUnlessLocked(folder)
    }
  }

  /** Remembers for report() why a snapshot could not be had. */
  noteFallback(runtime: string, why: string): void {
    try {
      mkdirSync(this.#folder, { recursive: true, mode: 0o700 })
      writeFileSync(path.join(this.#folder, `${runtime}${FALLBACK_SUFFIX}`), why)
    } catch {
      // The disk that is full may be the reason for the fallback.
    }
  }

  /** What there is for a runtime, for an operator. */
  report(runtime: string): { newestAtMs: number | null; fallback: string | null } {
    const newest = this.#entries().find(({ name }) => NAME_PATTERN.exec(name)?.[2] === runtime)
    const note = path.join(this.#folder, `${runtime}${FALLBACK_SUFFIX}`)
    return {
      newestAtMs: newest?.createdAtMs ?? null,
      fallback: existsSync(note) ? readFileSync(note, 'utf8') : null,
    }
  }

  /** Folders of snapshots, the newest first, and of what is none (any more). */
  #entries(): { name: string; folder: string; createdAtMs: number | null }[] {
    if (!existsSync(this.#folder)) return []
    return readdirSync(this.#folder, { withFileTypes: true })
      .filter((entry) => entry.isDirectory())
      .map(({ name }) => ({ name, folder: path.join(this.#folder, name) }))
      .map((entry) => ({ ...entry, createdAtMs: createdAtMs(entry.folder) }))
      .sort((one, other) => (other.createdAtMs ?? 0) - (one.createdAtMs ?? 0))
  }
}

/**
 * Reads a snapshot once, so that its pages are in the page cache, and on the manager's account: the
 * first executor would be charged for them otherwise.
 */
export async function readAhead(snapshot: Snapshot): Promise<void> {
  for (const name of readdirSync(snapshot.folder)) {
    const stream = createReadStream(path.join(snapshot.folder, name), { highWaterMark: 1 << 20 })
    stream.resume()
    await finished(stream)
  }
}

/** How old a snapshot is by the wall clock, which is all that a file goes by; never below 0. */
export function ageMs(snapshot: Snapshot): number {
  return Math.max(0, Date.now() - snapshot.createdAtMs)
}

function keyOf(facts: SnapshotFacts): string {
  const key = createHash('sha256')
    .update(JSON.stringify({ FORMAT, facts, kernel: release(), cpu: cpuFeatures() }))
    .digest('hex')
  return `${facts.runtime}-${key.slice(0, 16)}`
}

/** Removes a folder that no manager holds, as far as that can be done now. */
async function removeUnlessLocked(folder: string): Promise<void> {
  let lock: FileLock | null = null
  try {
    lock = await FileLock.take(folder, 'exclusive')
    if (!lock) return
    // Out of its place in one step, so that nobody finds half of it.
    const doomed = `${path.dirname(folder)}/${DRAFT_PREFIX}${randomBytes(8).toString('hex')}`
    renameSync(folder, doomed)
    rmSync(doomed, { recursive: true, force: true })
  } catch {
    // For want of descriptors, or of a disk that works: what stays goes with the next collection.
  } finally {
    lock?.release()
  }
}

/** @returns null when there is no whole snapshot in the folder */
function createdAtMs(folder: string): number | null {
  try {
    const { createdAtMs: time } = JSON.parse(readFileSync(path.join(folder, FACTS_FILE), 'utf8'))
    return typeof time === 'number' ? time : null
  } catch {
    return null
  }
}

function touch(folder: string): void {
  try {
    const now = new Date()
    utimesSync(path.join(folder, FACTS_FILE), now, now)
  } catch {
    // It has vanished meanwhile.
  }
}

function usedAgoMs(folder: string): number {
  try {
    return Date.now() - statSync(path.join(folder, FACTS_FILE)).mtimeMs
  } catch {
    return Number.POSITIVE_INFINITY
  }
}

/** A snapshot holds what the guest found out about the processor. */
function cpuFeatures(): string {
  const info = readFileSync('/proc/cpuinfo', 'utf8')
  const line = (name: string) => new RegExp(`^${name}\\s*:.*$`, 'm').exec(info)?.[0] ?? ''
  return ['vendor_id', 'cpu family', 'model', 'flags', 'Features'].map(line).join('\n')
}
