import type { Writable } from 'node:stream'
import { encodeFrame } from '../../src/supervisor/frames.ts'
import { CONTROL, CONTROL_FRAME } from '../../src/supervisor/protocol.ts'
import type { Session } from '../../src/supervisor/session.ts'

/** Brings a session to where it takes a task, in the place of a sandbox that answers. */
export async function warmUp(
  session: Session,
  output: Writable,
  policy: Buffer | null = null,
): Promise<void> {
  const answered = session.ping(policy)
  output.write(encodeFrame(CONTROL, encodeFrame(CONTROL_FRAME.PONG)))
  await answered
}
