/**
 * Decodes what comes out of a sandbox: payloads of the frames in protocol.ts. They come from hostile code, so a
 * payload that is malformed gives null.
 */
import type {
  ArtifactFile,
  Cause,
  Failure,
  LeftOutFile,
  OutputStream,
  RunReport,
  Transcript,
} from '../run/record.ts'
import type { LeftOutReason } from '../run/types.ts'
import { CONTROL, LEFT_OUT_HEAD_BYTES, REPORT_BYTES, STDERR, STDOUT } from './protocol.ts'

/** How `struct run_report` tells the cause. */
const CAUSES: readonly Cause[] = ['ended', 'wall_time', 'output', 'told']
const STREAMS: Readonly<Record<number, OutputStream>> = {
  [STDOUT]: 'stdout',
  [STDERR]: 'stderr',
  [CONTROL]: 'result',
}
const MAX_SIGNAL = 64

/**
 * Decodes the payload of EXIT.
 * @returns null when the payload is not a report
 */
export function decodeReport(payload: Buffer): RunReport | null {
  const cause = CAUSES[payload[0] ?? 255]
  const signal = payload[3] ?? 0
  if (payload.length !== REPORT_BYTES || !cause || signal > MAX_SIGNAL) return null
  return {
    cause,
    exitCode: payload[2] as number,
    signal,
    flooded: STREAMS[payload[1] as number] ?? null,
    artifactsLeftOut: payload.readUInt32LE(4),
  }
}

/**
 * Decodes the payload of ARTIFACT.
 * @returns null when the payload is not an artifact
 */
export function decodeArtifact(payload: Buffer): ArtifactFile | null {
  if (payload.length < 2) return null
  const end = 2 + payload.readUInt16LE(0)
  if (end > payload.length) return null
  return { path: payload.subarray(2, end), content: payload.subarray(end) }
}

const REASONS: readonly (LeftOutReason | undefined)[] = [
  undefined,
  'number',
  'size',
  'time',
  'unreadable',
  'name',
]

/**
 * Decodes the payload of LEFT_OUT.
 * @returns null when the payload is not one
 */
export function decodeLeftOut(payload: Buffer): LeftOutFile | null {
  const reason = REASONS[payload[0] ?? 0]
  if (payload.length < LEFT_OUT_HEAD_BYTES || !reason) return null
  const size = Number(payload.readBigUInt64LE(1))
  return { path: payload.subarray(LEFT_OUT_HEAD_BYTES), size, reason }
}

/**
 * Decodes the payload of FAILURE. Members of a wrong type get the value that says nothing.
 * @returns null when the payload is not a failure note
 */
export function decodeFailure(payload: Buffer): Failure | null {
  const note = decodeObject(payload)
  if (note === null) return null
  const { name, errno, code, memory, network, lastCommand } = note
  return {
    name: typeof name === 'string' ? name : '',
    errno: typeof errno === 'number' ? errno : null,
    code: typeof code === 'string' ? code : null,
    memory: memory === true,
    network: network === true,
    lastCommand: lastCommand === true,
  }
}

/**
 * Decodes the payload of ERROR. Members of a wrong type get the value that says nothing.
 * @returns null when the payload is not what was printed of an error
 */
export function decodePrintedError(payload: Buffer): Transcript['printedError'] {
  const note = decodeObject(payload)
  if (note === null) return null
  const { message, traceback, line } = note
  return {
    message: typeof message === 'string' ? message : '',
    traceback: typeof traceback === 'string' ? traceback : '',
    line: Number.isSafeInteger(line) && (line as number) > 0 ? (line as number) : null,
  }
}

function decodeObject(payload: Buffer): Record<string, unknown> | null {
  let object: unknown
  try {
    object = JSON.parse(payload.toString('utf8'))
  } catch {
    return null
  }
  return typeof object === 'object' && object !== null ? (object as Record<string, unknown>) : null
}
