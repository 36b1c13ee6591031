import { randomBytes } from 'node:crypto'
import { ManagerError } from '../errors.ts'
import type { Copied, Shelf } from './shelf.ts'
import type { SessionNote, SnapshotInfo } from './types.ts'

/** States of sessions that callers keep on disk, to make sessions from. A caller finds its own alone. */
export class Snapshots {
  readonly shelf: Shelf
  readonly #all = new Map<string, Copied>()

  /** @param canRestore whether this manager can restore what was made with a key; the others are removed */
  constructor(shelf: Shelf, canRestore: (key: string) => boolean) {
    this.shelf = shelf
    for (const { record, checkpoint } of shelf.load().shelved) {
      if (checkpoint && canRestore(record.key)) this.#all.set(record.id, { record, checkpoint })
      else shelf.remove(record.id)
    }
  }

  list(caller: string): SnapshotInfo[] {
    return this.#of(caller).map(infoOf)
  }

  find(caller: string, id: string): Copied | null {
    const found = this.#all.get(id)
    return found?.record.caller === caller ? found : null
  }

  /**
   * Keeps the state of a session.
   * @param from where it lies
   * @throws ManagerError HELD_TOO_MUCH
   */
  add(
    { record: source, checkpoint }: Copied,
    from: Shelf,
    most: number,
    note: SessionNote | undefined,
  ): SnapshotInfo {
    if (this.#of(source.caller).length >= most) {
      const why = `This caller may not have more than ${most} snapshots: delete one.`
      throw new ManagerError('HELD_TOO_MUCH', why)
    }
    const id = randomBytes(15).toString('base64url')
    const { incarnation } = checkpoint
    const record = { ...source, id, createdAtMs: Date.now(), incarnation, note }
    this.shelf.copy(from, source.id, { record, isAwake: false, checkpoint })
    const copied = { record, checkpoint }
    this.#all.set(id, copied)
    return infoOf(copied)
  }

  /** @returns whether there was one */
  remove(caller: string, id: string): boolean {
    if (!this.find(caller, id)) return false
    this.#all.delete(id)
    this.shelf.remove(id)
    return true
  }

  close(): void {
    this.shelf.close()
  }

  #of(caller: string): Copied[] {
    return [...this.#all.values()].filter(({ record }) => record.caller === caller)
  }
}

function infoOf({ record, checkpoint }: Copied): SnapshotInfo {
  const { id, template, createdAtMs, metadata, note, isOffline } = record
  return { id, template, createdAtMs, metadata, note, isOffline, bytes: checkpoint.bytes }
}
