import type { DatabaseSync, StatementSync } from 'node:sqlite'

/** A call of a webhook that is due. */
export interface Delivery {
  /** Its run's place in the store. */
  readonly run: number
  readonly owner: string
  readonly url: string
  /** The caller's own; null: the operator's is meant. */
  readonly secret: string | null
  /** How often it was tried. */
  readonly attempts: number
  readonly id: string
  readonly status: string
  readonly detail: string
  readonly endedMs: number
}

/** Calls of webhooks that are still to be made. They go with their run. */
export class DeliveryRows {
  readonly #due: StatementSync
  readonly #next: StatementSync
  readonly #remove: StatementSync
  readonly #again: StatementSync

  constructor(db: DatabaseSync) {
    // With min() SQLite takes the other columns of the same row: https://www.sqlite.org/lang_select.html#bareagg
    this.#due = db.prepare(
      `SELECT run, due.owner, url, secret, attempts, id, status, detail, ended_ms AS endedMs
       FROM (SELECT *, min(due_ms) AS first_ms FROM deliveries WHERE due_ms <= ?
         AND owner NOT IN (SELECT value FROM json_each(?)) AND run NOT IN (SELECT value FROM json_each(?))
         GROUP BY owner ORDER BY first_ms LIMIT ?) AS due
       JOIN runs ON sequence = run ORDER BY first_ms`,
    )
    this.#next = db.prepare('SELECT min(due_ms) AS dueMs FROM deliveries WHERE due_ms IS NOT NULL')
    this.#remove = db.prepare('DELETE FROM deliveries WHERE run = ?')
    this.#again = db.prepare(
      'UPDATE deliveries SET attempts = attempts + 1, due_ms = ? WHERE run = ?',
    )
  }

  /**
   * The first that is due of each owner.
   * @param busy owners that have to wait, whatever is due for them
   * @param underWay runs whose calls are being made
   */
  due(busy: readonly string[], underWay: readonly number[], most: number): Delivery[] {
    const [owners, runs] = [JSON.stringify(busy), JSON.stringify(underWay)]
    return this.#due.all(Date.now(), owners, runs, most) as unknown as Delivery[]
  }

  /** When the next one is due, in milliseconds of the epoch; null: no call is due. */
  nextDueMs(): number | null {
    return (this.#next.get()?.dueMs as number | null | undefined) ?? null
  }

  remove(run: number): void {
    this.#remove.run(run)
  }

  again(run: number, dueMs: number): void {
    this.#again.run(dueMs, run)
  }
}
