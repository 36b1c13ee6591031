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

/** Returns the folder of all snapshots. Its first user makes it, with mode 0700. */
export function snapshotsFolder(home: string): string {
  return path.join(home, 'snapshots')
}

/** Everything that a snapshot depends on. It cannot be used when one of these differs. */
export interface SnapshotFacts {
  readonly runtime: string
  readonly runscVersion: string
  /** Programs beside runsc that do a part of its work. */
  readonly sidecars: readonly string[]
  readonly flags: readonly string[]
  readonly imageHash: string
  /** Covers the supervisor, the runner and its preloaded code. */
  readonly guestHash: string
  /** Covers the preloaded libraries and the limits that are fixed in a sandbox. */
  readonly spec: object
}

/** A snapshot on disk. It stays there as long as this manager holds its lock. */
export interface Snapshot {
  /** What `runsc restore --image-path` takes. */
  readonly folder: string
  readonly createdAtMs: number
  readonly lock: FileLock
}

/** A folder to make a snapshot in. */
export type Draft = Pick<Snapshot, 'folder' | 'lock'>

/** How many snapshots of the same facts are kept, and found by a start. */
export const GENERATIONS = 2

/** Raise it when this code changes what a snapshot holds or how it is laid out. */
const FORMAT = 2
const UNUSED_FOR_MS = 24 * 3600 * 1000
const FACTS_FILE = 'snapshot.json'
const FALLBACK_SUFFIX = '.fallback'
const DRAFT_PREFIX = '.draft-'
/** Runtime, key of the facts, generation. */
const NAME_PATTERN = /^((.+)-[0-9a-f]{16})-[0-9a-f]{8}$/
/** A manager that collects garbage holds a snapshot's lock for the time of a rename. */
const LOCK_WAIT_S = 5

/**
 * Keeps the snapshots on disk, in `<home>/snapshots/<runtime>-<key>-<generation>/`. Each is put there whole or
 * not at all. A manager that uses or makes one holds a shared lock on its folder, so a folder that can be
 * locked exclusively is not in use.
 */
export class SnapshotStore {
  readonly #folder: string

  /** @param home the data folder */
  constructor(home: string) {
    this.#folder = snapshotsFolder(home)
  }

  /** Returns the snapshots of these facts, the newest first, each locked for the caller. */
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

  /** Tells whether the snapshot's folder still exists. */
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
      // No lock: another manager has just removed the folder as one that a killed manager left.
      if (lock) return { folder, lock }
    }
  }

  /** Renames a draft into its place, where other managers find it too. The caller keeps the lock. */
  commit({ folder: draft, lock }: Draft, facts: SnapshotFacts): Snapshot {
    const now = Date.now()
    writeFileSync(path.join(draft, FACTS_FILE), JSON.stringify({ ...facts, createdAtMs: now }))
    const folder = path.join(this.#folder, `${keyOf(facts)}-${randomBytes(4).toString('hex')}`)
    renameSync(draft, folder)
    rmSync(path.join(this.#folder, `${facts.runtime}${FALLBACK_SUFFIX}`), { force: true })
    return { folder, createdAtMs: now, lock }
  }

  /**
   * Releases a snapshot or draft that nobody shall find any more, and removes it unless another manager uses it.
   * Never throws for what cannot be removed now: a later collect() removes it.
   */
  async remove({ folder, lock }: Draft): Promise<void> {
    rmSync(path.join(folder, FACTS_FILE), { force: true })
    lock.release()
    await removeUnlessLocked(folder)
  }

  /** Releases a snapshot that the next manager may find. */
  release({ folder, lock }: Snapshot): void {
    touch(folder)
    lock.release()
  }

  /**
   * Removes what no manager uses: drafts that a killed manager left, snapshots beyond the two newest of the
   * same facts, and snapshots that have not been used for a day.
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

  /** Writes down for report() why no snapshot could be made. */
  noteFallback(runtime: string, why: string): void {
    try {
      mkdirSync(this.#folder, { recursive: true, mode: 0o700 })
      writeFileSync(path.join(this.#folder, `${runtime}${FALLBACK_SUFFIX}`), why)
    } catch {
      // The disk that is full may be the reason for the fallback.
    }
  }

  /** Tells an operator the age of a runtime's newest snapshot, and why one could not be made. */
  report(runtime: string): { newestAtMs: number | null; fallback: string | null } {
    const newest = this.#entries().find(({ name }) => NAME_PATTERN.exec(name)?.[2] === runtime)
    const note = path.join(this.#folder, `${runtime}${FALLBACK_SUFFIX}`)
    return {
      newestAtMs: newest?.createdAtMs ?? null,
      fallback: existsSync(note) ? readFileSync(note, 'utf8') : null,
    }
  }

  /** Lists all folders, the newest snapshot first; drafts and remains have no creation time. */
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
 * Reads a snapshot's files once. Then their pages are in the page cache and charged to the manager; otherwise
 * the first executor would be charged for them.
 */
export async function readAhead(snapshot: Snapshot): Promise<void> {
  for (const name of readdirSync(snapshot.folder)) {
    const stream = createReadStream(path.join(snapshot.folder, name), { highWaterMark: 1 << 20 })
    stream.resume()
    await finished(stream)
  }
}

/** Returns a snapshot's age by the wall clock, in ms; at least 0. */
export function ageMs(snapshot: Snapshot): number {
  return Math.max(0, Date.now() - snapshot.createdAtMs)
}

function keyOf(facts: SnapshotFacts): string {
  const key = createHash('sha256')
    .update(JSON.stringify({ FORMAT, facts, kernel: release(), cpu: cpuFeatures() }))
    .digest('hex')
  return `${facts.runtime}-${key.slice(0, 16)}`
}

/** Removes a folder unless a manager has it locked. Never throws. */
async function removeUnlessLocked(folder: string): Promise<void> {
  let lock: FileLock | null = null
  try {
    lock = await FileLock.take(folder, 'exclusive')
    if (!lock) return
    // Rename it first, so that no manager finds half of it.
    const doomed = `${path.dirname(folder)}/${DRAFT_PREFIX}${randomBytes(8).toString('hex')}`
    renameSync(folder, doomed)
    rmSync(doomed, { recursive: true, force: true })
  } catch {
    // No descriptor is free, or the disk fails. The next collect() tries again.
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
