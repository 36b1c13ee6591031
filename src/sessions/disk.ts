import { ManagerError } from '../errors.ts'
import { MIB } from '../lib/units.ts'

/** Bytes that sessions and snapshots may take on disk. */
export interface DiskLimits {
  /** Those of all callers. */
  readonly bytes: number
  readonly bytesPerCaller: number
}

interface Kept {
  readonly caller: string
  readonly bytes: number
}

/**
 * Counts what sessions and snapshots take on disk, and what is about to be written. An image that several share
 * counts whole for each: each may be the last one that has it.
 */
export class DiskAccounts {
  limits: DiskLimits
  readonly #kept = new Map<string, Kept>()
  readonly #planned = new Map<string, Kept>()
  #isLifted = false

  constructor(limits: DiskLimits) {
    this.limits = limits
  }

  /** What all callers have on disk. */
  get total(): number {
    return sum(this.#kept.values())
  }

  heldBy(caller: string): number {
    return sum(of(this.#kept, caller))
  }

  /** Notes what something takes now. @param name unique */
  put(name: string, caller: string, bytes: number): void {
    this.#kept.set(name, { caller, bytes })
  }

  /** Something is no more on disk. */
  delete(name: string): void {
    this.#kept.delete(name)
  }

  /**
   * Sets room aside for what is about to be written in place of what has this name now.
   * @param bytes that it will take at most
   * @returns ends the plan, once put() has said what it takes
   * @throws ManagerError HELD_TOO_MUCH when the caller would have too much, STORE_FAILED when all would
   */
  plan(name: string, caller: string, bytes: number): () => void {
    this.#assertRoom(caller, bytes - (this.#kept.get(name)?.bytes ?? 0))
    this.#planned.set(name, { caller, bytes })
    return () => void this.#planned.delete(name)
  }

  /**
   * Tells whether there is room for more.
   * @throws ManagerError HELD_TOO_MUCH, STORE_FAILED
   */
  admit(caller: string, bytes: number): void {
    this.#assertRoom(caller, bytes)
  }

  /** From now on all is written, however much it is: at a stop nothing may be lost. */
  lift(): void {
    this.#isLifted = true
  }

  #assertRoom(caller: string, more: number): void {
    if (this.#isLifted) return
    const { bytes, bytesPerCaller } = this.limits
    if (this.heldBy(caller) + this.#plannedMore(caller) + more > bytesPerCaller) {
      const held = `hold ${mebibytes(this.heldBy(caller))} of ${mebibytes(bytesPerCaller)} on disk`
      const why = `The sessions and snapshots of this caller ${held}: there is no room for ${mebibytes(more)} more. Delete one.`
      throw new ManagerError('HELD_TOO_MUCH', why)
    }
    if (this.total + this.#plannedMore(null) + more > bytes) {
      throw new ManagerError(
        'STORE_FAILED',
        'The disk for sessions is full: delete sessions or snapshots, or try again later.',
      )
    }
  }

  /** What is about to be written, beyond what it replaces. @param caller null: all */
  #plannedMore(caller: string | null): number {
    let more = 0
    for (const [name, planned] of this.#planned) {
      if (caller !== null && planned.caller !== caller) continue
      more += Math.max(0, planned.bytes - (this.#kept.get(name)?.bytes ?? 0))
    }
    return more
  }
}

const sum = (all: Iterable<Kept>): number => [...all].reduce((total, { bytes }) => total + bytes, 0)

const of = (all: ReadonlyMap<string, Kept>, caller: string): Kept[] =>
  [...all.values()].filter((one) => one.caller === caller)

function mebibytes(bytes: number): string {
  return `${Math.round(Math.max(0, bytes) / MIB)} MiB`
}
