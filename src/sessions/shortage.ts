import type { DiskAccounts } from './disk.ts'
import type { Session } from './session.ts'

/** Part of the disk for sessions above which the oldest on it have to go. */
const MOST_SHARE = 0.9

/** Enough for a caller that looks now and then. */
const GRACE_MS = 15 * 60_000

/** What a shortage needs of a session. */
export type Sleeper = Pick<
  Session,
  'record' | 'state' | 'checkpoint' | 'dropsAtMs' | 'history' | 'kill'
>

/**
 * Makes room when the disk for sessions is almost full. The sessions that have been on disk longest are told when
 * they will be dropped; one that is used before, or for which there is room again by then, stays.
 */
export class Shortage {
  readonly #disk: DiskAccounts
  readonly #graceMs: number

  /** @param graceMs between the word and the end */
  constructor(disk: DiskAccounts, graceMs = GRACE_MS) {
    this.#disk = disk
    this.#graceMs = graceMs
  }

  /** Looks once. To be called every second or so. */
  review(sessions: readonly Sleeper[], nowMs = Date.now()): void {
    const excess = this.#disk.total - MOST_SHARE * this.#disk.limits.bytes
    const chosen = oldest(sessions, excess)
    for (const session of sessions) {
      if (session.dropsAtMs !== null && !chosen.has(session)) withdraw(session)
    }
    for (const session of chosen) {
      if (session.dropsAtMs === null) announce(session, nowMs + this.#graceMs)
      else if (nowMs >= session.dropsAtMs) {
        session.kill('dropped: the disk for sessions was almost full').catch(() => {})
      }
    }
  }
}

/** Returns as many of those on disk as free so many bytes, the one that has been there longest first. */
function oldest(sessions: readonly Sleeper[], bytes: number): Set<Sleeper> {
  const chosen = new Set<Sleeper>()
  let freed = 0
  for (const session of onDisk(sessions)) {
    if (freed >= bytes) break
    freed += session.checkpoint?.bytes ?? 0
    chosen.add(session)
  }
  return chosen
}

function onDisk(sessions: readonly Sleeper[]): Sleeper[] {
  const since = ({ checkpoint }: Sleeper) => checkpoint?.atMs ?? 0
  return sessions
    .filter(({ state, checkpoint }) => checkpoint && ['hibernated', 'lost'].includes(state))
    .sort((one, other) => since(one) - since(other))
}

function announce(session: Sleeper, dropsAtMs: number): void {
  session.dropsAtMs = dropsAtMs
  const at = new Date(dropsAtMs).toISOString()
  const why = `the disk for sessions is almost full: it is dropped at ${at} unless it is used`
  session.history.add(session.state, why, dropsAtMs)
}

function withdraw(session: Sleeper): void {
  session.dropsAtMs = null
  session.history.add(session.state, 'it stays: the disk for sessions has room again')
}
