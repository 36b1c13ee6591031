import { ReadySandboxes, type ReadySettings } from './ready-sandboxes.ts'
import type { Registry } from './registry.ts'
import { type Places, Residence } from './residence.ts'

const NONE_READY: ReadySettings = { size: 0, mayMake: () => false, failed: () => {} }

/** The sandboxes of sessions in memory: ready ones that nobody has yet, and which idle session makes room. */
export class SessionMemory {
  readonly residence: Residence
  readonly ready: ReadySandboxes
  readonly #places: Places
  readonly #sessions: Registry
  /** For runs that wait, or a machine that is short of memory. */
  #isMakingRoom = false

  constructor(places: Places, ready: ReadySettings = NONE_READY, sessions: Registry) {
    this.#places = places
    this.#sessions = sessions
    this.residence = new Residence(places, (caller) => this.#makeRoom(caller))
    this.ready = new ReadySandboxes(ready, this.residence)
  }

  /** Looks once whether something needs room. To be called every second or so. */
  review(): void {
    this.ready.look()
    if (this.#places.isWanted) this.#once(() => this.#makeRoom(null))
  }

  /** Gives memory back, if that of a session is not needed for it. */
  yieldReady(): void {
    this.#once(() => this.ready.giveUp())
  }

  #once(work: () => Promise<unknown>): void {
    if (this.#isMakingRoom) return
    this.#isMakingRoom = true
    void work().finally(() => {
      this.#isMakingRoom = false
    })
  }

  /**
   * Makes a place free: of a ready sandbox that nobody has, or else of an idle session.
   * @param caller whose session it has to be; null: anybody's
   * @returns whether it could
   */
  async #makeRoom(caller: string | null): Promise<boolean> {
    if (caller === null && (await this.ready.giveUp())) return true
    return this.#hibernateOne(caller)
  }

  /**
   * Writes the session to disk that has been idle longest.
   * @param caller whose it is; null: anybody's
   * @returns false: none is idle
   */
  async #hibernateOne(caller: string | null): Promise<boolean> {
    for (const session of this.#sessions.idle()) {
      if (caller !== null && session.record.caller !== caller) continue
      if (await session.hibernate('its memory is needed').catch(() => false)) return true
    }
    return false
  }
}
