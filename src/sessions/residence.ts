import { ManagerError } from '../errors.ts'
import type { KeptSandbox } from './engine.ts'

/** Places in memory, shared with the pools. */
export interface Places {
  /** How many a sandbox takes that may hold so much memory. */
  needed(memoryBytes: number): number
  /** How many sessions can have at once. */
  readonly most: number
  /**
   * Takes places for a sandbox that is about to be made; false: they are not free, or the machine has not as much
   * memory as the sandbox may hold.
   */
  tryEnter(count: number, memoryBytes: number): boolean
  /** Whether no place is free only because the most sandboxes that may be made at once are being made. */
  readonly isMakingMost: boolean
  /** Whether runs wait for executors and no place is free for one, or the machine is short of memory. */
  readonly isWanted: boolean
  /** Resolves when a place may have become free. */
  changed(): Promise<void>
  /** The making succeeded or failed. */
  made(): void
  /** Gives places back. */
  left(count: number): void
}

/** Part of the places for sessions that those of one caller may have: others find room whatever it does. */
const SHARE_OF_CALLER = 0.75

/** Who a sandbox is for, and what it may hold. */
export interface Resident {
  readonly caller: string
  readonly memoryBytes: number
}

/** The places of sandboxes of sessions in memory: each is given back once, when nothing of its sandbox is left. */
export class Residence {
  readonly #places: Places
  readonly #makeRoom: (caller: string | null) => Promise<boolean>
  /** The caller is null while nobody has it. */
  readonly #taken = new WeakMap<
    KeptSandbox,
    { readonly caller: string | null; readonly count: number }
  >()
  readonly #byCaller = new Map<string, number>()

  /**
   * @param makeRoom sends an idle session to disk, of one caller or of any (null), or ends a sandbox that nobody has;
   *   false: there is none
   */
  constructor(places: Places, makeRoom: (caller: string | null) => Promise<boolean>) {
    this.#places = places
    this.#makeRoom = makeRoom
  }

  /**
   * Makes a sandbox in places of its own. Where none are free, the session makes room that has been idle longest;
   * where the caller has its share, that of its own sessions.
   * @throws ManagerError POOL_BUSY, HELD_TOO_MUCH, and what make() throws
   */
  async make(
    { caller, memoryBytes }: Resident,
    make: () => Promise<KeptSandbox>,
  ): Promise<KeptSandbox> {
    const count = this.#places.needed(memoryBytes)
    await this.#enter(caller, count, memoryBytes)
    return this.#makeIn(caller, count, make)
  }

  /** Makes a sandbox that nobody has yet, where places are free and no session has to make room; null: none are. */
  async makeIfFree(
    memoryBytes: number,
    make: () => Promise<KeptSandbox>,
  ): Promise<KeptSandbox | null> {
    const count = this.#places.needed(memoryBytes)
    return this.#places.tryEnter(count, memoryBytes) ? this.#makeIn(null, count, make) : null
  }

  /** Whether a caller may be given a sandbox of makeIfFree(). */
  mayHave({ caller, memoryBytes }: Resident): boolean {
    return !this.#exceedsShare(caller, this.#places.needed(memoryBytes))
  }

  /** Gives a caller a sandbox of makeIfFree(). */
  give(sandbox: KeptSandbox, caller: string): void {
    const taken = this.#taken.get(sandbox)
    if (!taken) return
    this.#taken.set(sandbox, { ...taken, caller })
    this.#add(caller, taken.count)
  }

  async #makeIn(
    caller: string | null,
    count: number,
    make: () => Promise<KeptSandbox>,
  ): Promise<KeptSandbox> {
    let sandbox: KeptSandbox | null = null
    try {
      sandbox = await make()
      this.#taken.set(sandbox, { caller, count })
      return sandbox
    } finally {
      this.#places.made()
      if (!sandbox) this.#leave(caller, count)
    }
  }

  /** Destroys a sandbox. May be called again. */
  async release(sandbox: KeptSandbox): Promise<void> {
    const taken = this.#taken.get(sandbox)
    if (!taken) return
    this.#taken.delete(sandbox)
    await sandbox.dispose()
    this.#leave(taken.caller, taken.count)
  }

  async #enter(caller: string, count: number, memoryBytes: number): Promise<void> {
    for (;;) {
      if (this.#exceedsShare(caller, count)) {
        if (await this.#makeRoom(caller)) continue
        throw new ManagerError(
          'HELD_TOO_MUCH',
          'The sessions of this caller have all the memory that they may, and none of them is idle: end or pause one.',
        )
      }
      if (this.#places.tryEnter(count, memoryBytes)) break
      if (this.#places.isMakingMost) await this.#places.changed()
      else if (!(await this.#makeRoom(null))) {
        throw new ManagerError(
          'POOL_BUSY',
          'All memory for sandboxes is in use, and no session is idle: try again later.',
        )
      }
    }
    this.#add(caller, count)
  }

  /** Whether so many places more are more than the caller may have. It may have one sandbox in any case. */
  #exceedsShare(caller: string, count: number): boolean {
    const held = this.#byCaller.get(caller) ?? 0
    return held > 0 && held + count > SHARE_OF_CALLER * this.#places.most
  }

  #add(caller: string, count: number): void {
    this.#byCaller.set(caller, (this.#byCaller.get(caller) ?? 0) + count)
  }

  #leave(caller: string | null, count: number): void {
    if (caller !== null) {
      const left = (this.#byCaller.get(caller) ?? 0) - count
      if (left > 0) this.#byCaller.set(caller, left)
      else this.#byCaller.delete(caller)
    }
    this.#places.left(count)
  }
}
