import type { Channels } from '../supervisor/channels.ts'
import type { Commands } from './commands.ts'
import type { ContextHost } from './context-host.ts'
import type { Contexts } from './contexts.ts'
import type { SandboxLimits, SandboxUse } from './engine.ts'
import type { History } from './history.ts'
import type { SessionState } from './lifecycle.ts'

/** When a session that nobody uses goes to sleep; null: never. Times are from its last use. */
export interface IdleRules {
  readonly freezeMs: number | null
  readonly hibernateMs: number | null
}

/** What a caller asks for. */
export interface SessionRequest {
  readonly caller: string
  readonly template: string
  readonly env: Readonly<Record<string, string>>
  readonly metadata: Readonly<Record<string, string>>
  readonly idle: IdleRules
  /** It ends so long after its last use. */
  readonly ttlMs: number
  /** Of the caller: it begins as that was. The template is that of the snapshot then. */
  readonly snapshot?: string | undefined
  /**
   * What becomes of it when its time is over, in use or not. Its time is then not prolonged by use, and stands still
   * while it is paused. Undefined: it ends so long after its last use.
   */
  readonly atDeadline?: 'end' | 'pause' | undefined
  /** It has no network, whatever the service has. One that is made from a snapshot is as that was. */
  readonly isOffline?: boolean | undefined
  /** It is refused where sandboxes of its template have no network. */
  readonly needsNetwork?: boolean | undefined
  /** At most those of the template, which is also the default. One that is made from a snapshot is as that was. */
  readonly limits?: Partial<SandboxLimits> | undefined
  /** What the front door that made it keeps with it, in JSON. Nobody else looks at it. */
  readonly note?: SessionNote | undefined
}

/** What a front door keeps with a session. */
export interface SessionNote {
  readonly door: string
  readonly [name: string]: unknown
}

/** A state of a session that its caller keeps. */
export interface SnapshotInfo
  extends Pick<
    SessionRecord,
    'id' | 'template' | 'createdAtMs' | 'metadata' | 'note' | 'isOffline'
  > {
  readonly bytes: number
}

/** What is known of a session, and written down while it is on disk. */
export interface SessionRecord extends SessionRequest {
  readonly id: string
  /** Of the sandboxes that can restore it; see KeptSandboxes. */
  readonly key: string
  readonly createdAtMs: number
  expiresAtMs: number
  /** See KeptSandbox. */
  baseBytes: number
  /** How many sandboxes it has had: one more each time that it is restored. */
  incarnation: number
  /** What its sandboxes may use. */
  readonly limits: SandboxLimits
  /** Whether it was sent to disk by its caller or its deadline, and not for want of use. */
  isPaused?: boolean
}

/** What of a session may be changed while it lives. */
export type SessionChange = Partial<Pick<SessionRequest, 'isOffline' | 'note'>>

/** What its caller is told of it. */
export interface SessionInfo
  extends Pick<
    SessionRecord,
    | 'id'
    | 'template'
    | 'createdAtMs'
    | 'expiresAtMs'
    | 'metadata'
    | 'idle'
    | 'env'
    | 'note'
    | 'atDeadline'
    | 'isOffline'
    | 'limits'
  > {
  readonly state: SessionState
  readonly isPaused: boolean
  /** Why it is in this state, in a few words. */
  readonly why: string
  /** Its last checkpoint on disk; null: it has none. */
  readonly checkpoint: { readonly atMs: number; readonly bytes: number } | null
  /** When it will be dropped for want of disk, unless it is used; null: it will not. */
  readonly dropsAtMs: number | null
}

/** Returns what callers are told of a session. */
export function infoOf(
  record: SessionRecord,
  state: SessionState,
  why: string,
  last: SessionInfo['checkpoint'],
): Omit<SessionInfo, 'dropsAtMs'> {
  const { id, template, createdAtMs, expiresAtMs, metadata, idle } = record
  const { env, note, atDeadline, isOffline, limits, isPaused = false } = record
  const own = { id, template, createdAtMs, expiresAtMs, metadata, idle }
  const checkpoint = last && { atMs: last.atMs, bytes: last.bytes }
  const kept = { env, note, atDeadline, isOffline, limits, isPaused }
  return { ...own, ...kept, state, why, checkpoint }
}

/** A session in use, until it is released. */
export interface SessionUse extends Omit<ContextHost, 'limits'> {
  readonly channels: Channels
  readonly contexts: Contexts
  /** What goes on when it is released. */
  readonly commands: Commands
  readonly env: Readonly<Record<string, string>>
  /** Fires when it is paused, lost or dead: who uses it still has nothing to wait for. */
  readonly ended: AbortSignal
  release(): void
}

/** Keeps sandboxes for callers. A caller sees only its own; the sessions of others do not exist for it. */
export interface Sessions {
  /** The template of a session that names none. */
  defaultTemplate(): string
  /** The names of all templates. */
  templateNames(): string[]
  /** @throws ManagerError SESSIONS_FULL, POOL_BUSY, REQUEST_INVALID */
  create(request: SessionRequest): Promise<SessionInfo>
  list(caller: string): SessionInfo[]
  /** @returns null when the caller has no such session */
  get(caller: string, id: string): SessionInfo | null
  /** @throws SessionGone, SessionLost, ManagerError; null when the caller has no such session */
  use(caller: string, id: string): Promise<SessionUse | null>
  /** The commands of a session, which is not woken; null when the caller has no such session. */
  commands(caller: string, id: string): Commands | null
  /** The contexts of a session, which is not woken; null when the caller has no such session. */
  contexts(caller: string, id: string): Contexts | null
  /** Whose session it is, for a request that shows by itself that it may be made; null: there is none. */
  ownerOf(id: string): string | null
  /** The sessions of all callers that a front door made, for requests that show by themselves whose they are. */
  ofDoor(door: string): SessionInfo[]
  /** Sets when it ends without further use. */
  setTtl(caller: string, id: string, ttlMs: number): SessionInfo | null
  /** Changes what is given. @returns null when the caller has no such session */
  change(caller: string, id: string, change: SessionChange): SessionInfo | null
  /** Writes it to disk now. One with a deadline is written though it is in use. */
  pause(caller: string, id: string): Promise<SessionInfo | null>
  /** Wakes it. @throws SessionGone, SessionLost, ManagerError */
  resume(caller: string, id: string): Promise<SessionInfo | null>
  /**
   * Wakes it; one that is lost from its last checkpoint.
   * @throws SessionGone, SessionLost, ManagerError
   */
  recover(caller: string, id: string): Promise<SessionInfo | null>
  /**
   * Makes copies with all variables, files and processes, each awake where memory is free.
   * @throws SessionGone, SessionLost, ManagerError
   */
  fork(caller: string, id: string, count: number): Promise<SessionInfo[] | null>
  /** What its sandbox uses now; null: it is not in memory, or the caller has no such session. */
  usage(caller: string, id: string): SandboxUse | null
  /** What became of a session; it is not woken. */
  history(caller: string, id: string): History | null
  /**
   * Keeps the present state.
   * @param note of the front door, for the snapshot
   * @throws SessionGone, SessionLost, ManagerError
   */
  snapshot(caller: string, id: string, note?: SessionNote): Promise<SnapshotInfo | null>
  snapshots(caller: string): SnapshotInfo[]
  /** @returns whether there was one */
  removeSnapshot(caller: string, id: string): boolean
  /** @returns whether there was one */
  kill(caller: string, id: string): Promise<boolean>
}
