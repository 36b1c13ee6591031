/**
 * What is said between the manager and the supervisor of a session. The other side is
 * `runtimes/supervisor/session.h`, which describes each frame; change them together.
 */

/** To the supervisor. */
export const TO = {
  START: 1,
  CONNECT: 2,
  WRITE: 3,
  CLOSE: 4,
  SIGNAL: 5,
  RESIZE: 6,
  CREDIT: 7,
  RELEASE: 8,
  PAUSE: 9,
  RESUME: 10,
} as const

/** From the supervisor. */
export const FROM = {
  STARTED: 32,
  FAILED: 33,
  OUTPUT: 34,
  ENDED: 35,
  TAKEN: 36,
  EXITED: 37,
  PAUSED: 38,
} as const

export const MAX_CHANNELS = 256
/** What was sent on one stream of a channel and is not yet taken, at most; both ways. */
export const WINDOW_BYTES = 256 * 1024
export const CHUNK_BYTES = 32 * 1024
const START_BYTES = 1024 * 1024
const TERMINAL = 1
const HAS_CONTROL = 2
export const BUILTIN = '\u0001file'

export const MAX_PAYLOADS: Readonly<Record<number, number>> = {
  [FROM.STARTED]: 8,
  [FROM.FAILED]: 8,
  [FROM.OUTPUT]: 5 + CHUNK_BYTES,
  [FROM.ENDED]: 5,
  [FROM.TAKEN]: 9,
  [FROM.EXITED]: 6,
  [FROM.PAUSED]: 4,
}

export const STDIN = 0
export const STDOUT = 1
export const STDERR = 2
export const CONTROL = 3

/** errno(3). */
const E2BIG = 7
const EINVAL = 22
export const EMFILE = 24

/** A program that a session starts. */
export interface Program {
  /** The first is looked up in PATH of `env` unless it has a slash. */
  readonly argv: readonly string[]
  readonly cwd: string
  readonly env: Readonly<Record<string, string>>
  readonly user: { readonly uid: number; readonly gid: number }
  /** It gets a terminal of this size, and standard error goes to standard output. */
  readonly terminal?: { readonly columns: number; readonly rows: number }
  /** It gets a pipe each way beside the standard streams, as runners have them. */
  readonly hasControl?: boolean
}

/** How a process ended. `signal` is a number of signal(7), 0 when none ended it. */
export interface ProcessEnd {
  readonly exitCode: number
  readonly signal: number
}

/** What the sandbox did not do, with the errno of errno(3) that it gave. */
export class ChannelError extends Error {
  readonly errno: number

  constructor(errno: number) {
    super(`errno ${errno}`)
    this.errno = errno
  }
}

/** The sandbox has ended, or what it said is not what the protocol allows. */
export class SessionLostError extends Error {}

/**
 * Encodes the payload of START.
 * @throws ChannelError E2BIG, EINVAL
 */
export function encodeStart({ argv, cwd, env, user, terminal, hasControl }: Program): Buffer {
  const variables = Object.entries(env).map(([name, value]) => `${name}=${value}`)
  const strings = [cwd, ...argv, ...variables]
  if (argv.length === 0 || strings.some((string) => string.includes('\0'))) {
    throw new ChannelError(EINVAL)
  }
  const head = Buffer.alloc(17)
  head[0] = (terminal ? TERMINAL : 0) | (hasControl ? HAS_CONTROL : 0)
  head.writeUInt16LE(terminal?.columns ?? 0, 1)
  head.writeUInt16LE(terminal?.rows ?? 0, 3)
  head.writeUInt32LE(user.uid, 5)
  head.writeUInt32LE(user.gid, 9)
  const bytes = Buffer.from(strings.map((string) => `${string}\0`).join(''))
  if (
    argv.length > 0xffff ||
    variables.length > 0xffff ||
    bytes.length > START_BYTES - head.length
  ) {
    throw new ChannelError(E2BIG)
  }
  head.writeUInt16LE(argv.length, 13)
  head.writeUInt16LE(variables.length, 15)
  return Buffer.concat([head, bytes])
}
