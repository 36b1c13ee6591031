import { chmodSync, mkdirSync } from 'node:fs'
import path from 'node:path'
import { DatabaseSync } from 'node:sqlite'
import { ManagerError } from '../errors.ts'
import { DeliveryRows } from './delivery-rows.ts'
import { FileRows } from './file-rows.ts'
import { Room, type StoreLimits } from './room.ts'
import { RunRows } from './run-rows.ts'
import { SCHEMA, SCHEMA_VERSION } from './schema.ts'

export interface DatabaseOptions {
  /** The folder of the store, which is made; null: a temporary file that goes with the process. */
  readonly folder: string | null
  readonly limits: StoreLimits
  /** How long an ended run is kept. */
  readonly keepMs: number
  /** How long another process may take to give the store free; by default 15 s. */
  readonly lockMs?: number
}

const LOCK_MS = 15_000
/** What the file of SQLite's log may keep when it is empty. */
const JOURNAL_BYTES = 16 * 1024 ** 2

/**
 * The store: one file of SQLite, whose only user this process is for as long as it is open. A process that
 * is killed loses nothing that was confirmed. For the case of a power failure checkpoint() has the disk
 * write what came before it.
 */
export class Database {
  readonly #db: DatabaseSync
  readonly files: FileRows
  readonly runs: RunRows
  readonly room: Room
  readonly deliveries: DeliveryRows

  /** @throws ManagerError SETUP_FAILED, STORE_FAILED */
  constructor({ folder, limits, keepMs, lockMs = LOCK_MS }: DatabaseOptions) {
    this.#db = translated(() => open(folder, lockMs))
    this.room = new Room(this.#db, limits)
    this.files = new FileRows(this.#db, this.room)
    this.deliveries = new DeliveryRows(this.#db)
    this.runs = new RunRows(this.#db, this.files, this.room, keepMs)
  }

  /**
   * Does all of the work or nothing of it.
   * @throws ManagerError as the work; STORE_FAILED when the disk is full or fails
   */
  transaction<T>(work: () => T): T {
    return translated(() => {
      this.#db.exec('BEGIN IMMEDIATE')
      try {
        const result = work()
        this.#db.exec('COMMIT')
        return result
      } catch (error) {
        // SQLite has rolled back by itself when the disk was full.
        if (this.#db.isTransaction) this.#db.exec('ROLLBACK')
        throw error
      }
    })
  }

  /** Has the disk write what was confirmed, and gives back some of the space that is free. */
  checkpoint(): void {
    translated(() =>
      this.#db.exec('PRAGMA incremental_vacuum(1000); PRAGMA wal_checkpoint(PASSIVE)'),
    )
  }

  close(): void {
    this.#db.close()
  }
}

function open(folder: string | null, lockMs: number): DatabaseSync {
  if (folder !== null) {
    mkdirSync(folder, { recursive: true, mode: 0o700 })
    chmodSync(folder, 0o700)
  }
  const file = folder === null ? null : path.join(folder, 'jobs.db')
  const db = new DatabaseSync(file ?? '')
  try {
    db.exec(`PRAGMA busy_timeout = ${lockMs}; PRAGMA locking_mode = EXCLUSIVE; PRAGMA foreign_keys = ON;
      PRAGMA auto_vacuum = INCREMENTAL; PRAGMA journal_size_limit = ${JOURNAL_BYTES}`)
    if (file !== null) {
      // SQLite gives the files beside this one its mode.
      chmodSync(file, 0o600)
      db.exec('PRAGMA journal_mode = WAL; PRAGMA synchronous = NORMAL')
    }
    const { user_version: version } = db.prepare('PRAGMA user_version').get() as {
      user_version: number
    }
    if (version === 0) db.exec(`BEGIN EXCLUSIVE; ${SCHEMA} COMMIT`)
    else if (version !== SCHEMA_VERSION) {
      throw new ManagerError(
        'SETUP_FAILED',
        `${file} is a store of version ${version}, and this is version ${SCHEMA_VERSION}: move it away, or start the version that made it.`,
      )
    } else db.exec('BEGIN EXCLUSIVE; COMMIT')
    return db
  } catch (error) {
    db.close()
    if (sqliteCode(error) !== SQLITE_BUSY) throw error
    throw new ManagerError(
      'SETUP_FAILED',
      `Another executor manager uses the store in ${folder}: stop it, or set another SANDBOX_EXECUTOR_MANAGER_PORT or EXECUTOR_MANAGER_HOME.`,
    )
  }
}

/** https://www.sqlite.org/rescode.html */
const [SQLITE_BUSY, SQLITE_FULL] = [5, 13]

function sqliteCode(error: unknown): number | null {
  const { code, errcode } = error as { code?: string; errcode?: number }
  return code === 'ERR_SQLITE_ERROR' && errcode !== undefined ? errcode & 0xff : null
}

function translated<T>(work: () => T): T {
  try {
    return work()
  } catch (error) {
    const code = sqliteCode(error)
    if (error instanceof ManagerError || (code === null && !isSystemError(error))) throw error
    const why =
      code === SQLITE_FULL
        ? 'its disk is full; free space, or wait until something has expired'
        : `${(error as Error).message}; look at its disk`
    throw new ManagerError('STORE_FAILED', `The store cannot be used: ${why}.`, { cause: error })
  }
}

function isSystemError(error: unknown): boolean {
  return typeof (error as NodeJS.ErrnoException).syscall === 'string'
}
