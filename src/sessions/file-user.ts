import type { Channels } from '../supervisor/channels.ts'
import type { SessionProcess } from '../supervisor/session-process.ts'
import { ChannelError } from '../supervisor/session-protocol.ts'
import { SESSION_USER } from './user.ts'

/** Who works on files of a session. */
export interface FileUser {
  readonly uid: number
  readonly gid: number
  /** Root does the work where the template has one, and what is made belongs to this user. */
  readonly byRoot?: boolean
}

const EPERM = 1
const ROOT = { uid: 0, gid: 0 }
/** Sandboxes whose supervisor is not root. */
const withoutRoot = new WeakSet<Channels>()

/**
 * Starts work on files.
 * @param words see Channels.fileWork()
 * @throws ChannelError EPERM for root's work where there is no root, SessionLostError
 */
export async function begunAs(
  channels: Channels,
  words: readonly string[],
  user: FileUser,
): Promise<SessionProcess> {
  if (user.byRoot && !withoutRoot.has(channels)) {
    try {
      return await channels.fileWork(['for', `${user.uid}`, `${user.gid}`, ...words], ROOT)
    } catch (error) {
      const isRefused = error instanceof ChannelError && error.errno === EPERM
      if (!isRefused || user.uid !== SESSION_USER.uid) throw error
      withoutRoot.add(channels)
    }
  }
  return channels.fileWork(words, user)
}
