import type { Registry } from './registry.ts'
import type { Session } from './session.ts'
import type { Shelf, Shelved } from './shelf.ts'

/**
 * Registers the sessions that an earlier manager left on disk, and removes those that cannot be restored.
 * @param restore makes the session of a record; null: this manager cannot
 * @returns how many there are, how many of them are lost, and how many were removed
 */
export function loadSessions(
  shelf: Shelf,
  sessions: Registry,
  restore: (found: Shelved) => Session | null,
): { found: number; lost: number; dropped: number } {
  const { shelved, unreadable } = shelf.load()
  let dropped = unreadable
  let lost = 0
  for (const found of shelved) {
    const session = restore(found)
    if (!session) {
      shelf.remove(found.record.id)
      dropped++
      continue
    }
    if (session.state === 'lost') {
      lost++
      const { record } = session
      // Nobody wrote down when it was used last.
      record.expiresAtMs = Math.max(record.expiresAtMs, Date.now() + record.ttlMs)
    }
    sessions.add(session)
  }
  return { found: sessions.size, lost, dropped }
}
