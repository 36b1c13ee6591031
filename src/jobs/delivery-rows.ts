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
    this.#due = db.prepare(
      `SELECT run, deliveries.owner, url, secret, attempts, id, status, detail, ended_ms AS endedMs
       FROM deliveries JOIN runs ON sequence = run
       WHERE due_ms <= ? AND deliveries.owner NOT IN (SELECT value FROM json_each(?))
       ORDER BY due_ms LIMIT ?`,
    )
    this.#next = db.prepare('SELECT min(due_ms) AS dueMs FROM deliveries WHERE due_ms IS NOT NULL')
    this.#remove = db.prepare('DELETE FROM deliveries WHERE run = ?')
    this.#again = db.prepare(
      'UPDATE deliveries SET attempts = attempts + 1, due_ms = ? WHERE run = ?',
    )
  }

  /** @param busy owners that have to wait, whatever is due for them */
  due(busy: readonly string[], most: number): Delivery[] {
    return this.#due.all(Date.now(), JSON.stringify(busy), most) as unknown as Delivery[]
  }

  /** When the next one is due, in milliseconds of the epoch; null: there is none. */
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
