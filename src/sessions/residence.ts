import { ManagerError } from '../errors.ts'
import type { KeptSandbox } from './engine.ts'

/** Places in memory, shared with the pools. */
export interface Places {
  /** Takes a place for a sandbox that is about to be made; false: there is none. */
  tryEnter(): boolean
  /** Whether there is none only because as many are being made as may be at once. */
  readonly isMakingMost: boolean
  /** Whether runs wait for executors, and no place is free for one. */
  readonly isWanted: boolean
  /** Resolves when a place may have become free. */
  changed(): Promise<void>
  /** The making succeeded or failed. */
  made(): void
  /** Gives a place back. */
  left(): void
}

/** The places of sandboxes of sessions in memory: each is given back once, when nothing of its sandbox is left. */
export class Residence {
  readonly #places: Places
  readonly #makeRoom: () => Promise<boolean>
  readonly #released = new WeakSet<KeptSandbox>()

  /** @param makeRoom sends an idle session to disk; false: there is none */
  constructor(places: Places, makeRoom: () => Promise<boolean>) {
    this.#places = places
    this.#makeRoom = makeRoom
  }

  /**
   * Makes a sandbox in a place of its own; the session that has been idle longest makes room where none is free.
   * @throws ManagerError POOL_BUSY, and what make() throws
   */
  async make(make: () => Promise<KeptSandbox>): Promise<KeptSandbox> {
    while (!this.#places.tryEnter()) {
      if (this.#places.isMakingMost) await this.#places.changed()
      else if (!(await this.#makeRoom())) {
        throw new ManagerError(
          'POOL_BUSY',
          'All memory for sandboxes is in use, and no session is idle: try again later.',
        )
      }
    }
    let sandbox: KeptSandbox | null = null
    try {
      sandbox = await make()
      return sandbox
    } finally {
      this.#places.made()
      if (!sandbox) this.#places.left()
    }
  }

  /** Destroys a sandbox. May be called again. */
  async release(sandbox: KeptSandbox): Promise<void> {
    if (this.#released.has(sandbox)) return
    this.#released.add(sandbox)
    await sandbox.dispose()
    this.#places.left()
  }
}
