import type { DatabaseSync, StatementSync } from 'node:sqlite'
import type { Room } from './room.ts'

/** What is known of a file that is kept for its owner. */
export interface FileInfo {
  readonly name: string
  /** Null: not known. */
  readonly mediaType: string | null
  /** In bytes. */
  readonly size: number
  /** Times are milliseconds of the epoch. */
  readonly createdMs: number
  /** Null: it goes with the run that it belongs to. */
  readonly expiresMs: number | null
}

export interface FileToKeep {
  readonly name: string
  readonly mediaType: string | null
  /** In pieces. */
  readonly content: readonly Uint8Array[]
  readonly expiresMs: number | null
}

/** A multiple of 3, so that base64 of chunks is base64 of the whole. Larger values make SQLite slow. */
const CHUNK_BYTES = 768 * 1024

/** The files of the store. Not for use outside of a transaction of Database. */
export class FileRows {
  readonly #room: Room
  readonly #insert: StatementSync
  readonly #insertChunk: StatementSync
  readonly #find: StatementSync
  readonly #chunk: StatementSync
  readonly #list: StatementSync
  readonly #delete: StatementSync
  readonly #deleteExpired: StatementSync

  constructor(db: DatabaseSync, room: Room) {
    this.#room = room
    const columns =
      'name, media_type AS mediaType, size, created_ms AS createdMs, expires_ms AS expiresMs'
    const unexpired = '(expires_ms IS NULL OR expires_ms > ?)'
    this.#insert = db.prepare(
      'INSERT INTO files (owner, folder, name, media_type, size, created_ms, expires_ms) VALUES (?, ?, ?, ?, ?, ?, ?)',
    )
    this.#insertChunk = db.prepare('INSERT INTO chunks VALUES (?, ?, ?)')
    this.#find = db.prepare(
      `SELECT id, ${columns} FROM files WHERE owner = ? AND folder = ? AND name = ? AND ${unexpired}`,
    )
    this.#chunk = db.prepare('SELECT bytes FROM chunks WHERE file = ? AND number = ?')
    this.#list = db.prepare(
      `SELECT ${columns} FROM files WHERE owner = ? AND folder = ? AND ${unexpired} ORDER BY id`,
    )
    this.#delete = db.prepare('DELETE FROM files WHERE owner = ? AND folder = ? AND name = ?')
    this.#deleteExpired = db.prepare(
      'DELETE FROM files WHERE id IN (SELECT id FROM files WHERE expires_ms <= ? LIMIT ?)',
    )
  }

  /**
   * Keeps a file, in place of one of the same name.
   * @param isForced it is what a run has left: it is kept even if its owner then holds too much
   * @throws ManagerError HELD_TOO_MUCH
   */
  put(owner: string, folder: string, file: FileToKeep, isForced = false): FileInfo {
    const { name, mediaType, content, expiresMs } = file
    const size = content.reduce((sum, { length }) => sum + length, 0)
    this.remove(owner, folder, name)
    this.#room.make(owner, size, isForced)
    const createdMs = Date.now()
    const { lastInsertRowid: id } = this.#insert.run(
      owner,
      folder,
      name,
      mediaType,
      size,
      createdMs,
      expiresMs,
    )
    let number = 0
    for (const piece of content) {
      for (let at = 0; at < piece.length; at += CHUNK_BYTES) {
        this.#insertChunk.run(id, number++, piece.subarray(at, at + CHUNK_BYTES))
      }
    }
    return { name, mediaType, size, createdMs, expiresMs }
  }

  find(owner: string, folder: string, name: string): (FileInfo & { id: number }) | null {
    const row = this.#find.get(owner, folder, name, Date.now())
    return (row as (FileInfo & { id: number }) | undefined) ?? null
  }

  /** @returns null behind the last one, and when the file is gone */
  chunk(id: number, number: number): Uint8Array | null {
    return (this.#chunk.get(id, number)?.bytes as Uint8Array | undefined) ?? null
  }

  list(owner: string, folder: string): FileInfo[] {
    return this.#list.all(owner, folder, Date.now()) as unknown as FileInfo[]
  }

  /** @returns whether it was there */
  remove(owner: string, folder: string, name: string): boolean {
    return this.#delete.run(owner, folder, name).changes > 0
  }

  /** @returns how many have gone, at most so many */
  removeExpired(most: number): number {
    return Number(this.#deleteExpired.run(Date.now(), most).changes)
  }
}
