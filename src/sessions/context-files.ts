import type { Channels } from '../supervisor/channels.ts'
import { ChannelError } from '../supervisor/session-protocol.ts'
import { SESSION_USER } from './user.ts'

/** EIO of errno(3). */
const FAILED = 5

/**
 * Writes a file in a session, and the folders above it.
 * @throws ChannelError with the errno, SessionLostError
 */
export async function writeFile(channels: Channels, path: string, content: Buffer): Promise<void> {
  const process = await channels.fileWork(['write', path], SESSION_USER)
  process.stdout.resume()
  process.stderr.resume()
  process.stdin.end(content)
  const { exitCode, signal } = await process.exited
  if (signal !== 0 || exitCode !== 0) throw new ChannelError(exitCode || FAILED)
}
