import { randomBytes } from 'node:crypto'
import { ManagerError } from '../errors.ts'
import type { Registry } from './registry.ts'
import type { Session } from './session.ts'
import type { Copied, Shelf, Shelved } from './shelf.ts'
import type { Snapshots } from './snapshots.ts'
import type { SessionInfo, SessionNote, SessionRequest, SnapshotInfo } from './types.ts'

/** What copies are made with. */
export interface CopyHost {
  readonly sessions: Registry
  readonly shelf: Shelf
  readonly snapshots: Snapshots
  /**
   * @param bytes that they take on disk in all
   * @throws ManagerError when the caller may not have so many sessions more
   */
  admit(caller: string, count: number, bytes: number): void
  /** @throws ManagerError when the caller may not have so much more on disk */
  admitBytes(caller: string, bytes: number): void
  /** A session that is on disk; null: it cannot be read. */
  found(shelved: Shelved): Session | null
}

/** Makes an id that nobody can guess. */
export function newId(): string {
  return randomBytes(15).toString('base64url')
}

/**
 * Makes copies of a session with all variables, files and processes. Each is awake where memory is free; one that
 * finds none stays on disk, and wakes by use.
 * @throws SessionGone, SessionLost, ManagerError
 */
export async function fork(
  host: CopyHost,
  session: Session,
  count: number,
): Promise<SessionInfo[]> {
  const { caller } = session.record
  host.admit(caller, count, 0)
  let copies: Session[] = []
  await withCheckpoint(session, 'forked', (copied) => {
    host.admit(caller, count, count * copied.checkpoint.bytes)
    copies = Array.from({ length: count }, () => addCopy(host, copied, host.shelf))
  })
  await Promise.allSettled(copies.map(wake))
  return copies.map((copy) => copy.info())
}

/** Keeps the present state of a session. @throws SessionGone, SessionLost, ManagerError */
export async function takeSnapshot(
  { snapshots, shelf, admitBytes }: CopyHost,
  session: Session,
  most: number,
  note: SessionNote | undefined,
): Promise<SnapshotInfo | null> {
  let made: SnapshotInfo | null = null
  await withCheckpoint(session, 'a snapshot was taken', (copied) => {
    admitBytes(copied.record.caller, copied.checkpoint.bytes)
    made = snapshots.add(copied, shelf, most, note)
  })
  return made
}

/**
 * Makes a session from a snapshot of the same caller.
 * @throws ManagerError REQUEST_INVALID when there is no such snapshot
 */
export async function createFrom(
  host: CopyHost,
  snapshot: string,
  { caller, env, metadata, idle, ttlMs, atDeadline, note }: SessionRequest,
): Promise<SessionInfo> {
  const { snapshots } = host
  const found = snapshots.find(caller, snapshot)
  if (!found) {
    const detail = 'snapshot: this caller has none of this name.'
    throw new ManagerError('REQUEST_INVALID', detail, { field: 'snapshot' })
  }
  host.admit(caller, 1, found.checkpoint.bytes)
  const record = {
    ...found.record,
    env: { ...found.record.env, ...env },
    metadata,
    idle,
    ttlMs,
    atDeadline,
    note,
  }
  const session = addCopy(host, { ...found, record }, snapshots.shelf)
  try {
    await wake(session)
  } catch (error) {
    await session.kill('it could not be made')
    host.sessions.delete(session.record.id)
    throw error
  }
  return session.info()
}

/**
 * Hands over a checkpoint of a session's present state; one that was awake goes on from there.
 * @param take must copy what it needs before it returns
 */
async function withCheckpoint(
  session: Session,
  why: string,
  take: (copied: Copied) => void,
): Promise<void> {
  const wasAwake = session.state !== 'hibernated'
  if (wasAwake) await wake(session)
  const isWritten = await session.hibernate(why, true)
  const { record, checkpoint } = session
  if (!isWritten || !checkpoint) {
    session.assertThere()
    throw (
      session.refusal ??
      new ManagerError('STORE_FAILED', 'The session could not be written to disk.')
    )
  }
  try {
    take({ record, checkpoint })
  } finally {
    // Copies are restored at the same time.
    if (wasAwake) void wake(session).catch(() => {})
  }
}

/** Adds a session that is as another one was at its checkpoint; it is on disk. */
function addCopy(host: CopyHost, { record: source, checkpoint }: Copied, from: Shelf): Session {
  const createdAtMs = Date.now()
  const { incarnation } = checkpoint
  const expiresAtMs = createdAtMs + source.ttlMs
  const isPaused = false
  const record = { ...source, id: newId(), createdAtMs, expiresAtMs, incarnation, isPaused }
  const shelved = { record, isAwake: false, checkpoint }
  host.shelf.copy(from, source.id, shelved)
  const session = host.found(shelved)
  if (!session) {
    host.shelf.remove(record.id)
    throw new ManagerError('ENGINE_FAILED', 'The checkpoint of a session cannot be read.')
  }
  host.sessions.add(session)
  return session
}

async function wake(session: Session): Promise<void> {
  const { release } = await session.acquire()
  release()
}
