import { randomBytes } from 'node:crypto'
import type { SessionInfo, SessionNote } from '../../sessions/types.ts'

export const DOOR = 'e2b'

/** What makes a session a sandbox of E2B: it is kept with the session, over restarts. */
export interface SandboxNote extends SessionNote {
  readonly door: typeof DOOR
  /** As its caller named it. */
  readonly templateId: string
  /** Undefined where the template has no name. */
  readonly alias?: string | undefined
  /** Shown for the files and processes of the sandbox, in X-Access-Token. */
  readonly accessToken: string
  /** Shown for the code interpreter, and for other ports where they are not public. */
  readonly trafficToken: string
  readonly isPublic: boolean
  /** The Host that servers inside see, with `${PORT}`; undefined: that of the sandbox itself. */
  readonly hostMask?: string | undefined
  /** As its caller said; null: nothing. */
  readonly allowsInternet: boolean | null
  /** As its caller said it. */
  readonly network: Readonly<Record<string, unknown>>
  /** Whether a request wakes it when it is paused. */
  readonly wakesByUse: boolean
  /** Of the request that made it. */
  readonly idempotency?: { readonly key: string; readonly bodyHash: string } | undefined
}

const TOKEN_BYTES = 24

/** Makes tokens that nobody can guess. */
export function newTokens(): Pick<SandboxNote, 'accessToken' | 'trafficToken'> {
  const token = () => randomBytes(TOKEN_BYTES).toString('hex')
  return { accessToken: token(), trafficToken: token() }
}

/** Returns the note of a session; null: it is no sandbox of E2B. */
export function noteOf({ note }: SessionInfo): SandboxNote | null {
  return note?.door === DOOR ? (note as unknown as SandboxNote) : null
}

/** What is kept with a snapshot of a sandbox. */
export interface SnapshotNote extends SessionNote {
  readonly door: typeof DOOR
  /** Of the session that it is of. */
  readonly sessionId: string
  readonly name?: string | undefined
}

/** Returns the note of a snapshot; null: it is none of a sandbox of E2B. */
export function snapshotNoteOf({ note }: { note?: SessionNote | undefined }): SnapshotNote | null {
  return note?.door === DOOR ? (note as unknown as SnapshotNote) : null
}
