import type { DatabaseSync, StatementSync } from 'node:sqlite'
import type { FileRows, FileToKeep } from './file-rows.ts'
import type { Room } from './room.ts'
import { ROW_BYTES } from './schema.ts'

/** What is known of an accepted run. Times are milliseconds of the epoch. */
export interface RunInfo {
  readonly id: string
  readonly owner: string
  readonly template: string
  readonly state: 'queued' | 'running' | 'ended'
  /** In the words of the front door: as the state, and how it ended. */
  readonly status: string
  /** A sentence for a person. */
  readonly detail: string
  /** Why there is no outcome, by the front door's name for it; null: there is one, or it has not ended. */
  readonly problem: string | null
  readonly createdMs: number
  readonly startedMs: number | null
  readonly endedMs: number | null
  /** When it is removed; null: not before it has ended. */
  readonly expiresMs: number | null
  /** How many events it has told. */
  readonly events: number
}

export interface RunToAccept {
  readonly id: string
  readonly owner: string
  readonly template: string
  /** What is handed back when it is its turn. */
  readonly request: Uint8Array
  /** The caller's own name for the request, and what the request said; null: it has none. */
  readonly idempotency: { readonly key: string; readonly fingerprint: string } | null
  readonly callback: { readonly url: string; readonly secret: string | null } | null
}

/** A run that was accepted, or the one that had this idempotency key before. */
export type Acceptance =
  | { readonly run: RunInfo; readonly isNew: true }
  | { readonly run: RunInfo; readonly isNew: false; readonly isSameRequest: boolean }

export interface RunEnding {
  readonly status: string
  readonly detail: string
  readonly problem: string | null
  /** What the front door shows of the outcome, in pieces; null: the run has no outcome. */
  readonly outcome: readonly Uint8Array[] | null
}

/** One thing that a run has told. */
export interface StoredEvent {
  /** From 1. */
  readonly number: number
  readonly name: string
  readonly data: string
}

const COLUMNS = `id, owner, template, state, status, detail, problem, created_ms AS createdMs,
  started_ms AS startedMs, ended_ms AS endedMs, expires_ms AS expiresMs, events`

/** The runs of the store. Not for use outside of a transaction of Database. */
export class RunRows {
  readonly #files: FileRows
  readonly #room: Room
  readonly #keepMs: number
  /** Runs that are on their way to an executor. In memory: a full disk does not stop them. */
  readonly #taken = new Set<string>()
  readonly #sql: Readonly<Record<keyof typeof STATEMENTS, StatementSync>>

  /** @param keepMs how long an ended run is kept */
  constructor(db: DatabaseSync, files: FileRows, room: Room, keepMs: number) {
    this.#files = files
    this.#room = room
    this.#keepMs = keepMs
    this.#sql = Object.fromEntries(
      Object.entries(STATEMENTS).map(([name, sql]) => [name, db.prepare(sql)]),
    ) as Record<keyof typeof STATEMENTS, StatementSync>
  }

  /**
   * Accepts a run, unless its idempotency key is known.
   * @throws ManagerError HELD_TOO_MUCH
   */
  accept({ id, owner, template, request, idempotency, callback }: RunToAccept): Acceptance {
    const { key = null, fingerprint = null } = idempotency ?? {}
    const known = key === null ? undefined : this.#sql.byKey.get(owner, key)
    if (known) {
      const isSameRequest = known.fingerprint === fingerprint
      return { run: this.find(owner, known.id as string) as RunInfo, isNew: false, isSameRequest }
    }
    this.#room.makeForRun(owner)
    this.#room.make(owner, request.length + ROW_BYTES, false)
    const { lastInsertRowid: sequence } = this.#sql.insert.run(
      id,
      owner,
      template,
      Date.now(),
      key,
      fingerprint,
      ROW_BYTES,
    )
    const content = [request]
    this.#files.put(
      owner,
      `request:${id}`,
      { name: 'request', mediaType: null, content, expiresMs: null },
      true,
    )
    if (callback) this.#sql.addDelivery.run(sequence, owner, callback.url, callback.secret)
    return { run: this.find(owner, id) as RunInfo, isNew: true }
  }

  /** Owners whose runs wait. */
  waitingOwners(): string[] {
    return this.#sql.waitingOwners.all().map(({ owner }) => owner as string)
  }

  /** Takes an owner's oldest run that waits. It waits again after giveBack(). */
  take(owner: string): { run: RunInfo; request: Uint8Array } | null {
    for (const { id } of this.#sql.queued.all(owner, this.#taken.size + 1)) {
      if (this.#taken.has(id as string)) continue
      const run = this.find(owner, id as string) as RunInfo
      const file = this.#files.find(owner, `request:${id}`, 'request')
      const request = Buffer.concat(file ? [...this.#chunks(file.id)] : [])
      this.#taken.add(run.id)
      return { run, request }
    }
    return null
  }

  giveBack(id: string): void {
    this.#taken.delete(id)
  }

  /**
   * Marks a run as one that executes: from here on it is never begun again.
   * @returns false when it waits no more
   */
  begin(owner: string, id: string): boolean {
    if (this.#sql.begin.run(Date.now(), id).changes === 0) return false
    this.#taken.delete(id)
    this.#files.remove(owner, `request:${id}`, 'request')
    return true
  }

  /** Adds what a run has told, in order. @returns how many events it has now */
  append(id: string, events: readonly { name: string; data: string }[]): number {
    const row = this.#sql.numberOfEvents.get(id)
    if (!row) return 0
    let number = row.events as number
    let bytes = 0
    for (const { name, data } of events) {
      this.#sql.insertEvent.run(row.sequence as number, ++number, name, data)
      bytes += data.length + 64
    }
    this.#sql.countEvents.run(number, bytes, id)
    return number
  }

  /** Keeps a file that a run has left. It shows once the run has ended. */
  addFile(owner: string, id: string, file: FileToKeep): void {
    this.#files.put(owner, `files:${id}`, file, true)
  }

  /** Ends a run, once. @returns whether it had not ended */
  end(owner: string, id: string, { status, detail, problem, outcome }: RunEnding): boolean {
    const now = Date.now()
    const isFirst =
      this.#sql.end.run(status, detail, problem, now, now + this.#keepMs, id).changes > 0
    if (!isFirst) return false
    this.#taken.delete(id)
    this.#files.remove(owner, `request:${id}`, 'request')
    if (outcome) {
      const file = { name: 'outcome', mediaType: null, content: outcome, expiresMs: null }
      this.#files.put(owner, `outcome:${id}`, file, true)
    }
    this.#sql.dueDelivery.run(now, id)
    return true
  }

  /** Ends a run that waits. @returns false when it is on its way to an executor, or has ended */
  endWaiting(owner: string, id: string, ending: RunEnding): boolean {
    if (this.#taken.has(id) || this.find(owner, id)?.state !== 'queued') return false
    return this.end(owner, id, ending)
  }

  /** Ends the runs that an earlier process was executing. @returns how many */
  endRunning(ending: RunEnding): number {
    const rows = this.#sql.running.all() as { owner: string; id: string }[]
    for (const { owner, id } of rows) this.end(owner, id, ending)
    return rows.length
  }

  find(owner: string, id: string): RunInfo | null {
    return (this.#sql.find.get(owner, id) as RunInfo | undefined) ?? null
  }

  /** An owner's runs, the youngest first. @param before those older than this one; null: from the youngest */
  list(owner: string, before: string | null, most: number): RunInfo[] {
    return this.#sql.list.all(owner, before, owner, before, most) as unknown as RunInfo[]
  }

  /** A page of an owner's runs that have a file in the folder `prefix` + id, the youngest first, and the number of all. */
  listWith(owner: string, prefix: string, name: string, offset: number, most: number) {
    const having = [owner, prefix, name] as const
    const runs = this.#sql.listWith.all(...having, most, offset) as unknown as RunInfo[]
    return { runs, total: Number(this.#sql.countWith.get(...having)?.total) }
  }

  /** Events behind a number, up to about so many bytes. */
  events(owner: string, id: string, after: number, mostBytes: number): StoredEvent[] {
    const events: StoredEvent[] = []
    let bytes = 0
    for (const row of this.#sql.events.iterate(owner, id, after)) {
      events.push({ ...(row as unknown as StoredEvent) })
      bytes += (row.data as string).length
      if (bytes >= mostBytes) break
    }
    return events
  }

  /** Removes a run that has ended, and all that it left. */
  remove(owner: string, id: string): boolean {
    return this.#sql.remove.run(owner, id).changes > 0
  }

  /** @returns how many have gone, at most so many */
  removeExpired(most: number): number {
    return Number(this.#sql.removeExpired.run(Date.now(), most).changes)
  }

  *#chunks(file: number): Generator<Uint8Array> {
    for (let number = 0; ; number++) {
      const chunk = this.#files.chunk(file, number)
      if (!chunk) return
      yield chunk
    }
  }
}

const WITH_FILE = `FROM runs WHERE owner = ? AND EXISTS (SELECT 1 FROM files
  WHERE files.owner = runs.owner AND folder = ? || runs.id AND name = ?)`

const STATEMENTS = {
  insert: `INSERT INTO runs (id, owner, template, state, status, detail, created_ms, idempotency_key,
    fingerprint, bytes) VALUES (?, ?, ?, 'queued', 'queued', 'The run waits for its turn.', ?, ?, ?, ?)`,
  byKey: 'SELECT id, fingerprint FROM runs WHERE owner = ? AND idempotency_key = ?',
  find: `SELECT ${COLUMNS} FROM runs WHERE owner = ? AND id = ?`,
  list: `SELECT ${COLUMNS} FROM runs WHERE owner = ?
    AND (? IS NULL OR sequence < (SELECT sequence FROM runs WHERE owner = ? AND id = ?)) ORDER BY sequence DESC LIMIT ?`,
  listWith: `SELECT ${COLUMNS} ${WITH_FILE} ORDER BY sequence DESC LIMIT ? OFFSET ?`,
  countWith: `SELECT count(*) AS total ${WITH_FILE}`,
  waitingOwners: 'SELECT owner FROM accounts WHERE queued > 0',
  queued: "SELECT id FROM runs WHERE state = 'queued' AND owner = ? ORDER BY sequence LIMIT ?",
  running: "SELECT owner, id FROM runs WHERE state = 'running'",
  begin: `UPDATE runs SET state = 'running', status = 'running', detail = 'The run executes.',
    started_ms = ? WHERE id = ? AND state = 'queued'`,
  end: `UPDATE runs SET state = 'ended', status = ?, detail = ?, problem = ?, ended_ms = ?, expires_ms = ?
    WHERE id = ? AND state <> 'ended'`,
  remove: "DELETE FROM runs WHERE owner = ? AND id = ? AND state = 'ended'",
  removeExpired:
    'DELETE FROM runs WHERE sequence IN (SELECT sequence FROM runs WHERE expires_ms <= ? LIMIT ?)',
  numberOfEvents: 'SELECT sequence, events FROM runs WHERE id = ?',
  insertEvent: 'INSERT INTO events VALUES (?, ?, ?, ?)',
  countEvents: 'UPDATE runs SET events = ?, bytes = bytes + ? WHERE id = ?',
  events: `SELECT number, name, data FROM events
    WHERE run = (SELECT sequence FROM runs WHERE owner = ? AND id = ?) AND number > ? ORDER BY number`,
  addDelivery: 'INSERT INTO deliveries (run, owner, url, secret) VALUES (?, ?, ?, ?)',
  dueDelivery:
    'UPDATE deliveries SET due_ms = ? WHERE run = (SELECT sequence FROM runs WHERE id = ?)',
} as const
