/**
 * What is said between the manager and a kernel: a process of a session that runs one program after the other. The
 * other sides are `kernel.py`, `kernel.cjs` and `kernel.sh` of the runtimes; change them together.
 */
import type { RunLimits, RunMode } from '../run/types.ts'
import { encodeFrame } from './frames.ts'
import { CONTROL_FRAME, maxControlPayload } from './protocol.ts'

/** How a kernel runs a program. `ask`: it is no program, but a question of a client about code, in JSON. */
export type KernelMode = RunMode | 'ask'

/**
 * To a kernel. STDIN, the path of the file that is standard input, RESEED, SET (NAME=value, for it and all later runs),
 * ENV (NAME=value, for each variable) and TELL, a byte of TELLS, come where there is something to say; START has the
 * token of the run, and comes last.
 */
const KERNEL = {
  CODE: 2,
  ARGUMENTS: 3,
  START: 4,
  MODE: 6,
  ENV: 7,
  ARGV: 8,
  STDIN: 10,
  RESEED: 11,
  NAME: 12,
  TELL: 13,
  SET: 14,
} as const
const TELLS = { ERRORS_ALONE: 1, DATA: 2 } as const
const MODES: Readonly<Record<KernelMode, number>> = { function: 0, script: 1, cell: 2, ask: 3 }

export const TOKEN_BYTES = 16
/** From a kernel come the control frames of a runner. ENDED has the token of the run, then its exit code. */
const ENDED_BYTES = TOKEN_BYTES + 1
/** Of an error that is told alone: 170,000 characters, which take 6 bytes at most. */
const ERROR_BYTES = 1024 * 1024

/** What a kernel is told to run. */
export interface KernelTask {
  readonly code: Buffer
  readonly mode: KernelMode
  /** Of `function`: JSON text of an object. */
  readonly argumentsJson: Buffer
  readonly argv: readonly string[]
  /** Variables of the environment while it runs, and not after it. */
  readonly env: Readonly<Record<string, string>>
  /** See ContextRun. */
  readonly tells: { readonly errorsAlone: boolean; readonly data: boolean }
  /** Path of a file; null: as it was, which gives nothing. */
  readonly stdin: string | null
  /** How tracebacks call it. */
  readonly name: string
  /** Variables that it and all later runs have. */
  readonly lastingEnv: Readonly<Record<string, string>>
  /** Draw randomness anew before it: this kernel is one of several copies. */
  readonly reseeds: boolean
}

/**
 * Encodes the frames that start a run in a kernel.
 * @param token by which the kernel says that this run has ended, and no earlier one
 */
export function encodeKernelRun(task: KernelTask, token: string): Buffer {
  const { code, mode, argumentsJson, argv, env, lastingEnv, stdin, name, reseeds } = task
  const tells =
    (task.tells.errorsAlone ? TELLS.ERRORS_ALONE : 0) | (task.tells.data ? TELLS.DATA : 0)
  const assignments = (type: number, variables: KernelTask['env']) =>
    Object.entries(variables).map((pair) => encodeFrame(type, Buffer.from(pair.join('='))))
  return Buffer.concat([
    ...(reseeds ? [encodeFrame(KERNEL.RESEED)] : []),
    ...assignments(KERNEL.SET, lastingEnv),
    encodeFrame(KERNEL.MODE, Buffer.of(MODES[mode])),
    encodeFrame(KERNEL.NAME, Buffer.from(name)),
    ...(tells === 0 ? [] : [encodeFrame(KERNEL.TELL, Buffer.of(tells))]),
    ...assignments(KERNEL.ENV, env),
    ...argv.map((argument) => encodeFrame(KERNEL.ARGV, Buffer.from(argument))),
    ...(stdin === null ? [] : [encodeFrame(KERNEL.STDIN, Buffer.from(stdin))]),
    ...(mode === 'function' ? [encodeFrame(KERNEL.ARGUMENTS, argumentsJson)] : []),
    encodeFrame(KERNEL.CODE, code),
    encodeFrame(KERNEL.START, Buffer.from(token)),
  ])
}

/**
 * Returns what tells how many bytes a frame of each type may have; undefined: the type may not come.
 * @param roomToShow bytes that DISPLAY and VALUE may have
 */
export function maxKernelPayload(limits: RunLimits, roomToShow: number) {
  const most = maxControlPayload(limits, roomToShow)
  return (type: number): number | undefined => {
    if (type === CONTROL_FRAME.ENDED) return ENDED_BYTES
    return type === CONTROL_FRAME.ERROR ? ERROR_BYTES : most(type)
  }
}

/**
 * Decodes the payload of ENDED.
 * @returns the exit code; null when it is not the end of the run that has this token
 */
export function decodeEnded(payload: Buffer, token: string): number | null {
  if (payload.length !== ENDED_BYTES) return null
  return payload.toString('latin1', 0, TOKEN_BYTES) === token
    ? (payload[TOKEN_BYTES] as number)
    : null
}
