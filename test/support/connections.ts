import type { Writable } from 'node:stream'
import type { Connection } from '../../src/supervisor/connection.ts'
import { encodeFrame } from '../../src/supervisor/frames.ts'
import { CONTROL, CONTROL_FRAME } from '../../src/supervisor/protocol.ts'

/** Brings a connection to where it takes a task, in the place of a sandbox that answers. */
export async function warmUp(
  connection: Connection,
  output: Writable,
  policy: Buffer | null = null,
): Promise<void> {
  const answered = connection.ping(policy)
  output.write(encodeFrame(CONTROL, encodeFrame(CONTROL_FRAME.PONG)))
  await answered
}
