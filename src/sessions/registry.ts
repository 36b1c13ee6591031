import type { Session } from './session.ts'

/** How long a dead session is still shown. */
const DEAD_MS = 10 * 60_000

/** Ends or pauses, as its record says, a session whose time is over. */
function end(session: Session): void {
  const { atDeadline, isPaused } = session.record
  if (atDeadline === undefined ? session.state === 'busy' : isPaused) return
  const why = 'its time to live was over'
  const isPausing = atDeadline === 'pause' && session.state !== 'lost'
  const ending = isPausing ? session.pause(why) : session.kill(why)
  ending.catch(() => {})
}

/** The sessions of a machine by their ids. A caller finds only its own. */
export class Registry {
  readonly #sessions = new Map<string, Session>()

  get size(): number {
    return this.#sessions.size
  }

  all(): Session[] {
    return [...this.#sessions.values()]
  }

  add(session: Session): void {
    this.#sessions.set(session.record.id, session)
  }

  delete(id: string): void {
    this.#sessions.delete(id)
  }

  find(caller: string, id: string): Session | null {
    const session = this.#sessions.get(id)
    return session?.record.caller === caller ? session : null
  }

  ownerOf(id: string): string | null {
    return this.#sessions.get(id)?.record.caller ?? null
  }

  /** The sessions of a caller that have not ended. */
  of(caller: string): Session[] {
    return this.all().filter(({ record, state }) => record.caller === caller && state !== 'dead')
  }

  living(): number {
    return this.all().filter(({ state }) => state !== 'dead').length
  }

  /** The sessions that are not in use and do not compute; the one that has been idle longest comes first. */
  idle(): Session[] {
    return this.all()
      .filter(({ isIdle }) => isIdle)
      .sort((one, other) => one.idleSinceMs - other.idleSinceMs)
  }

  /** Keeps only the newest dead sessions of a caller. */
  forgetDead(caller: string, most: number): void {
    const dead = this.all().filter(
      ({ record, state }) => record.caller === caller && state === 'dead',
    )
    for (const { record } of dead.slice(0, Math.max(0, dead.length - most))) this.delete(record.id)
  }

  /** Ends those whose time to live is over, and forgets those that ended a while ago. */
  review(): void {
    const now = Date.now()
    for (const session of this.all()) {
      const { id, expiresAtMs } = session.record
      if (session.state === 'dead') {
        if (performance.now() > session.endedAtMs + DEAD_MS) this.delete(id)
      } else if (now > expiresAtMs) end(session)
    }
  }
}
