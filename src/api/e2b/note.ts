import { randomBytes } from 'node:crypto'
import type { SessionInfo, SessionNote } from '../../sessions/types.ts'

export const DOOR = 'e2b'

/** What makes a session a sandbox of E2B: it is kept with the session, over restarts. */
export interface SandboxNote extends SessionNote {
  readonly door: typeof DOOR
  /** As its caller named it. */
  readonly templateId: string
  /** Shown for the files and processes of the sandbox, in X-Access-Token. */
  readonly accessToken: string
  /** Shown for the code interpreter, and for other ports where they are not public. */
  readonly trafficToken: string
  readonly isPublic: boolean
  /** Whether a request wakes it when it is paused. */
  readonly wakesByUse: boolean
  readonly startedAtMs: number
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
