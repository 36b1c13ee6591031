import { constants } from 'node:os'
import { z } from 'zod'
import type { CommandRecord, KeptCommand } from '../../../sessions/kept-command.ts'
import type { OutputPiece } from '../../../sessions/output-ring.ts'
import { bytes, enumeration, message, uint32 } from './connect/messages.ts'

/** The messages of E2B's service process.Process, as its `process.proto` has them. */

/** Columns or rows of a terminal (struct winsize). */
const size = uint32.pipe(z.int().min(1).max(0xffff))
const pty = message({ size: message({ cols: size, rows: size }) })

const selector = message({
  pid: uint32.optional(),
  tag: z.string().optional(),
}).refine(
  ({ pid, tag }) => (pid === undefined) !== (tag === undefined),
  'one of pid and tag is expected',
)
export type Selector = z.infer<typeof selector>

const input = message({ stdin: bytes.optional(), pty: bytes.optional() }).transform(
  ({ stdin, pty: typed }) => stdin ?? typed ?? Buffer.alloc(0),
)

export const startRequest = message({
  process: message({
    cmd: z.string().min(1),
    args: z.array(z.string()).default([]),
    envs: z.record(z.string(), z.string()).default({}),
    cwd: z.string().optional(),
  }),
  pty: pty.optional(),
  tag: z.string().max(1024).optional(),
  // Absent means open, for clients of before it was there.
  stdin: z.boolean().default(true),
})
export const selected = message({ process: selector })
export const updateRequest = message({ process: selector, pty: pty.optional() })
export const inputRequest = message({ process: selector, input })
export const signalRequest = message({
  process: selector,
  signal: enumeration({ SIGNAL_UNSPECIFIED: 0, SIGNAL_SIGTERM: 15, SIGNAL_SIGKILL: 9 }),
})
export const streamInputRequest = message({
  start: selected.optional(),
  data: message({ input }).optional(),
})

/** Returns output as its message. */
export function dataEvent(
  stream: OutputPiece['stream'],
  data: Buffer,
  hasTerminal: boolean,
): object {
  return { event: { data: { [hasTerminal ? 'pty' : stream]: data.toString('base64') } } }
}

/** In the words of Go's syscall.Signal, which E2B's clients know. */
const SIGNALS: Readonly<Record<string, string>> = {
  SIGHUP: 'hangup',
  SIGINT: 'interrupt',
  SIGQUIT: 'quit',
  SIGILL: 'illegal instruction',
  SIGTRAP: 'trace/breakpoint trap',
  SIGABRT: 'aborted',
  SIGBUS: 'bus error',
  SIGFPE: 'floating point exception',
  SIGKILL: 'killed',
  SIGUSR1: 'user defined signal 1',
  SIGSEGV: 'segmentation fault',
  SIGUSR2: 'user defined signal 2',
  SIGPIPE: 'broken pipe',
  SIGALRM: 'alarm clock',
  SIGTERM: 'terminated',
}
const WORDS = new Map(
  Object.entries(constants.signals).map(([name, number]) => [number as number, SIGNALS[name]]),
)

/** Returns the message of a process's end. */
export function endEvent({ exitCode, signal }: CommandRecord): object {
  if (signal !== null) {
    const status = `signal: ${WORDS.get(signal) ?? `signal ${signal}`}`
    return { event: { end: { exitCode: -1, exited: false, status, error: status } } }
  }
  const status = `exit status ${exitCode}`
  const error = exitCode === 0 ? {} : { error: status }
  return { event: { end: { exitCode, exited: true, status, ...error } } }
}

/** Returns a process as a list tells of it. */
export function processInfo({ record: { argv, cwd, env, pid, tag } }: KeptCommand): object {
  const [cmd, ...args] = argv
  return { config: { cmd, args, envs: env, cwd }, pid, ...(tag !== null && { tag }) }
}
