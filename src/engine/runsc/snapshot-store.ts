import { createHash } from 'node:crypto'
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

/** Everything that a snapshot depends on: it is of no use when any of it differs. */
export interface SnapshotFacts {
  readonly runtime: string
  readonly runscVersion: string
  /** Programs beside runsc that do a part of its work. */
  readonly sidecars: readonly string[]
  readonly flags: readonly string[]
  readonly imageHash: string
  /** Covers supervisor, runner and preloaded code of ours. */
  readonly agentHash: string
  /** Covers what is preloaded and the limits that are fixed in a sandbox. */
  readonly spec: object
}

export interface Snapshot {
  /** What `runsc restore --image-path` takes. */
  readonly folder: string
  readonly createdAtMs: number
}

/** Raised when what a snapshot holds, or how it is laid out, changes by our own doing. */
const FORMAT = 1
const UNUSED_FOR_MS = 24 * 3600 * 1000
const FACTS_FILE = 'snapshot.json'
const FALLBACK_SUFFIX = '.fallback'

/** The snapshots on disk: `<home>/snapshots/<runtime>-<key>/`, put there whole or not at all. */
export class SnapshotStore {
  readonly #folder: string

  /** @param home the data folder */
  constructor(home: string) {
    this.#folder = path.join(home, 'snapshots')
  }

  find(facts: SnapshotFacts): Snapshot | null {
    const folder = this.#folderOf(facts)
    const time = createdAtMs(folder)
    if (time === null) return null
    const now = new Date()
    utimesSync(path.join(folder, FACTS_FILE), now, now)
    return { folder, createdAtMs: time }
  }

  /** An empty folder to make a snapshot in, for commit() or discard(). */
  draft(facts: SnapshotFacts): string {
    mkdirSync(this.#folder, { recursive: true })
    const draft = path.join(this.#folder, `.draft-${process.pid}-${facts.runtime}`)
    rmSync(draft, { recursive: true, force: true })
    mkdirSync(draft, { mode: 0o700 })
    return draft
  }

  /** Puts a draft in its place, over a former one, and removes what nobody has used for a day. */
  commit(draft: string, facts: SnapshotFacts): Snapshot {
    const now = Date.now()
    writeFileSync(path.join(draft, FACTS_FILE), JSON.stringify({ ...facts, createdAtMs: now }))
    const folder = this.#folderOf(facts)
    this.discard(folder)
    renameSync(draft, folder)
    rmSync(path.join(this.#folder, `${facts.runtime}${FALLBACK_SUFFIX}`), { force: true })
    this.#removeUnused(facts.runtime)
    return { folder, createdAtMs: now }
  }

  /** Removes a draft, or a snapshot that does not restore, as far as that can be done now. */
  discard(folder: string): void {
    if (!existsSync(folder)) return
    // Out of its place in one step, so that nobody finds half of it.
    const doomed = path.join(this.#folder, `.draft-${process.pid}-doomed-${Date.now()}`)
    try {
      renameSync(folder, doomed)
      rmSync(doomed, { recursive: true, force: true })
    } catch {
      // For want of descriptors, or of a disk that works: what stays goes with the next one's start.
    }
  }

  /** Remembers for report() why a snapshot could not be had. */
  noteFallback(runtime: string, why: string): void {
    try {
      mkdirSync(this.#folder, { recursive: true })
      writeFileSync(path.join(this.#folder, `${runtime}${FALLBACK_SUFFIX}`), why)
    } catch {
      // The disk that is full may be the reason for the fallback.
    }
  }

  /** What there is for a runtime, for an operator. */
  report(runtime: string): { newestAtMs: number | null; fallback: string | null } {
    const names = existsSync(this.#folder) ? readdirSync(this.#folder) : []
    const times = names
      .filter((name) => name.startsWith(`${runtime}-`))
      .map((name) => createdAtMs(path.join(this.#folder, name)))
      .filter((time) => time !== null)
    const note = path.join(this.#folder, `${runtime}${FALLBACK_SUFFIX}`)
    return {
      newestAtMs: times.length > 0 ? Math.max(...times) : null,
      fallback: existsSync(note) ? readFileSync(note, 'utf8') : null,
    }
  }

  #folderOf(facts: SnapshotFacts): string {
    const key = createHash('sha256')
      .update(JSON.stringify({ FORMAT, facts, kernel: release(), cpu: cpuFeatures() }))
      .digest('hex')
    return path.join(this.#folder, `${facts.runtime}-${key.slice(0, 16)}`)
  }

  #removeUnused(runtime: string): void {
    for (const name of readdirSync(this.#folder)) {
      const folder = path.join(this.#folder, name)
      const draftOf = /^\.draft-(\d+)-/.exec(name)
      const gone = draftOf !== null && !existsSync(`/proc/${draftOf[1]}`)
      const unused = name.startsWith(`${runtime}-`) && usedAgoMs(folder) > UNUSED_FOR_MS
      if (gone || unused) rmSync(folder, { recursive: true, force: true })
    }
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

/** @returns null when there is no whole snapshot in the folder */
function createdAtMs(folder: string): number | null {
  try {
    const { createdAtMs: time } = JSON.parse(readFileSync(path.join(folder, FACTS_FILE), 'utf8'))
    return typeof time === 'number' ? time : null
  } catch {
    return null
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
