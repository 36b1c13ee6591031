import type { DatabaseSync, StatementSync } from 'node:sqlite'
import { ManagerError } from '../errors.ts'
import { ROW_BYTES } from './schema.ts'

export interface StoreLimits {
  /** Bytes that the store may hold: of all owners, and of one. */
  readonly bytes: number
  readonly bytesPerOwner: number
  /** Accepted runs that may wait: of all owners, and of one. */
  readonly queued: number
  readonly queuedPerOwner: number
}

/**
 * Decides who may have more in the store.
 *
 *   An owner who holds too much loses its own oldest runs that have ended; a new thing that does not fit
 *   even then is refused. What it put there itself, and runs that wait, it never loses by that.
 *   When all owners together hold too much, the one who holds most loses its oldest run that has ended, or
 *   its oldest file. So an owner who holds little gets room however much the others hold.
 *   Runs that wait are never removed.
 */
export class Room {
  readonly #limits: StoreLimits
  readonly #account: StatementSync
  readonly #sums: StatementSync
  readonly #most: StatementSync
  readonly #oldestRun: StatementSync
  readonly #oldestFile: StatementSync
  readonly #deleteRun: StatementSync
  readonly #deleteFile: StatementSync

  constructor(db: DatabaseSync, limits: StoreLimits) {
    this.#limits = limits
    this.#account = db.prepare('SELECT bytes, queued FROM accounts WHERE owner = ?')
    this.#sums = db.prepare(
      'SELECT coalesce(sum(bytes), 0) AS bytes, coalesce(sum(queued), 0) AS queued FROM accounts',
    )
    this.#most = db.prepare('SELECT owner, bytes FROM accounts ORDER BY bytes DESC LIMIT 1')
    this.#oldestRun = db.prepare(
      "SELECT sequence, created_ms FROM runs WHERE state = 'ended' AND owner = ? ORDER BY sequence LIMIT 1",
    )
    this.#oldestFile = db.prepare(
      'SELECT id, created_ms FROM files WHERE owner = ? AND expires_ms IS NOT NULL ORDER BY id LIMIT 1',
    )
    this.#deleteRun = db.prepare('DELETE FROM runs WHERE sequence = ?')
    this.#deleteFile = db.prepare('DELETE FROM files WHERE id = ?')
  }

  /** What an owner holds. */
  held(owner: string): { bytes: number; queued: number } {
    const row = this.#account.get(owner) as { bytes: number; queued: number } | undefined
    return row ?? { bytes: 0, queued: 0 }
  }

  /** What all owners hold. */
  total(): { bytes: number; queued: number } {
    return this.#sums.get() as { bytes: number; queued: number }
  }

  /**
   * Makes room for one more run that waits.
   * @throws ManagerError HELD_TOO_MUCH
   */
  makeForRun(owner: string): void {
    const { queued, queuedPerOwner } = this.#limits
    if (this.held(owner).queued >= queuedPerOwner) {
      throw tooMuch(
        `${queuedPerOwner} accepted runs of this caller wait already, the most it may have.`,
      )
    }
    if (this.total().queued >= queued) {
      throw tooMuch('The service has accepted as many runs as it may; wait until some have ended.')
    }
  }

  /**
   * Makes room for bytes.
   * @param isForced they are there already: room is made where possible
   * @throws ManagerError HELD_TOO_MUCH
   */
  make(owner: string, size: number, isForced: boolean): void {
    const bytes = size + ROW_BYTES
    const { bytes: most, bytesPerOwner } = this.#limits
    while (this.held(owner).bytes + bytes > bytesPerOwner) {
      if (this.#dropOldestRun(owner)) continue
      if (isForced) return
      throw tooMuch(
        `The service keeps at most ${Math.floor(bytesPerOwner / 1024 ** 2)} MiB for one caller: delete runs or files, or wait until they expire.`,
      )
    }
    while (this.total().bytes + bytes > most) {
      const largest = this.#most.get() as { owner: string; bytes: number } | undefined
      const isOwn = !largest || largest.bytes <= this.held(owner).bytes + bytes
      if (isOwn ? this.#dropOldestRun(owner) : this.#dropOldest(largest.owner)) continue
      if (isForced) return
      throw tooMuch('The store of the service is full; wait until some of it has expired.')
    }
  }

  #dropOldestRun(owner: string): boolean {
    const run = this.#oldestRun.get(owner)
    if (run) this.#deleteRun.run(run.sequence as number)
    return run !== undefined
  }

  #dropOldest(owner: string): boolean {
    const run = this.#oldestRun.get(owner) as { created_ms: number } | undefined
    const file = this.#oldestFile.get(owner) as { id: number; created_ms: number } | undefined
    if (run && (!file || run.created_ms <= file.created_ms)) return this.#dropOldestRun(owner)
    if (file) this.#deleteFile.run(file.id)
    return file !== undefined
  }
}

function tooMuch(message: string): ManagerError {
  return new ManagerError('HELD_TOO_MUCH', message)
}
