import { PassThrough, type Writable } from 'node:stream'
import type { Transcript } from '../../src/run/record.ts'
import { plainTask } from '../../src/run/task.ts'
import { Connection } from '../../src/supervisor/connection.ts'
import { encodeFrame } from '../../src/supervisor/frames.ts'
import { ARTIFACT, CONTROL, CONTROL_FRAME, EXIT, LEFT_OUT } from '../../src/supervisor/protocol.ts'
import { LIMITS } from './limits.ts'

export const TASK = plainTask(Buffer.from('code'), LIMITS)
/** The frame of a run that ended well. */
export const GOOD_END = encodeFrame(EXIT, Buffer.alloc(8))

export const control = (type: number, payload = '') =>
  encodeFrame(CONTROL, encodeFrame(type, Buffer.from(payload)))
export const ready = control(CONTROL_FRAME.READY)

/** The head of a frame that claims a length in bytes. */
export function head(type: number, length: number): Buffer {
  const bytes = Buffer.alloc(5)
  bytes.writeUInt32LE(length)
  bytes[4] = type
  return bytes
}

export function artifact(name: string, content: string): Buffer {
  const head = Buffer.from([name.length, 0])
  return encodeFrame(ARTIFACT, Buffer.concat([head, Buffer.from(name), Buffer.from(content)]))
}

export function leftOut(path: string): Buffer {
  const head = Buffer.from([1, 9, 0, 0, 0, 0, 0, 0, 0])
  return encodeFrame(LEFT_OUT, Buffer.concat([head, Buffer.from(path)]))
}

/** Brings a connection to where it takes a task, in the place of a sandbox that answers. */
export async function warmUp(
  connection: Connection,
  output: Writable,
  policy: Buffer | null = null,
): Promise<void> {
  const answered = connection.ping(policy)
  output.write(control(CONTROL_FRAME.PONG))
  await answered
}

/** The transcript of a run whose sandbox says this. */
export async function transcriptOf(...said: Buffer[]): Promise<Transcript> {
  const output = new PassThrough()
  const connection = new Connection(new PassThrough(), output, LIMITS)
  await warmUp(connection, output)
  const transcript = connection.run(TASK)
  for (const bytes of said) output.write(bytes)
  return transcript
}
