import { appendChunk } from '../lib/chunks.ts'
import type { SessionProcess } from '../supervisor/session-process.ts'
import type { SessionUse } from './types.ts'
import { programOf, type UserName } from './user.ts'

export interface CommandRequest {
  readonly argv: readonly string[]
  /** From the home, unless it is absolute. */
  readonly cwd: string
  readonly env: Readonly<Record<string, string>>
  readonly user?: UserName
  /** Null: reads end at once. */
  readonly stdin: Buffer | null
  readonly wallTimeMs: number
  /** Of each of stdout and stderr. */
  readonly outputBytes: number
}

/** How a command ended; `lost`: its session's sandbox ended before it. */
export interface CommandOutcome {
  readonly end: 'exit' | 'signal' | 'time' | 'output' | 'canceled' | 'lost'
  readonly exitCode: number | null
  readonly signal: number | null
  readonly stdout: Buffer
  readonly stderr: Buffer
  readonly wallMs: number
}

/** Told of a command while it runs. */
export type CommandEvent =
  | { readonly type: 'started'; readonly pid: number }
  | { readonly type: 'stdout' | 'stderr'; readonly bytes: Buffer }

/**
 * Runs a command in a session to its end. What it leaves in the background goes on without its output.
 * @param signal the caller has gone: the command is ended
 * @param onEvent told synchronously, in order; must not throw
 * @throws ChannelError when it cannot be started
 */
export async function runCommand(
  { channels, env }: SessionUse,
  request: CommandRequest,
  signal: AbortSignal,
  onEvent: (event: CommandEvent) => void = () => {},
): Promise<CommandOutcome> {
  const started = performance.now()
  const { argv, cwd, user } = request
  const process = await channels.start(programOf(argv, cwd, { ...env, ...request.env }, user))
  onEvent({ type: 'started', pid: process.pid })
  let cut: CommandOutcome['end'] | null = null
  const end = (why: CommandOutcome['end']) => {
    if (cut !== null) return
    cut = why
    process.release()
  }
  const outputs = {
    stdout: collect(process, 'stdout', request.outputBytes, onEvent, () => end('output')),
    stderr: collect(process, 'stderr', request.outputBytes, onEvent, () => end('output')),
  }
  const onAbort = () => end('canceled')
  const timer = setTimeout(() => end('time'), request.wallTimeMs)
  signal.addEventListener('abort', onAbort, { once: true })
  if (signal.aborted) onAbort()
  process.stdin.end(request.stdin ?? undefined)
  const exited = await process.exited.catch(() => null)
  // What it wrote before its end has been read by now; what it left running may hold the outputs open.
  await Promise.race([Promise.all([outputs.stdout.ended, outputs.stderr.ended]), nextTurns()])
  clearTimeout(timer)
  signal.removeEventListener('abort', onAbort)
  // What goes on in the background is told that nobody reads it.
  process.stdout.destroy()
  process.stderr.destroy()
  const cause = cut as CommandOutcome['end'] | null
  return {
    end: cause ?? (exited === null ? 'lost' : exited.signal > 0 ? 'signal' : 'exit'),
    exitCode: cause === null && exited && exited.signal === 0 ? exited.exitCode : null,
    signal: exited && exited.signal > 0 ? exited.signal : null,
    stdout: outputs.stdout.bytes(),
    stderr: outputs.stderr.bytes(),
    wallMs: performance.now() - started,
  }
}

/** Keeps what a stream says, up to a limit. */
function collect(
  process: SessionProcess,
  name: 'stdout' | 'stderr',
  most: number,
  onEvent: (event: CommandEvent) => void,
  onFlood: () => void,
): { ended: Promise<void>; bytes: () => Buffer } {
  const chunks: Buffer[] = []
  let length = 0
  const stream = process[name]
  stream.on('data', (chunk: Buffer) => {
    const kept = chunk.subarray(0, most - length)
    if (kept.length > 0) {
      appendChunk(chunks, kept)
      length += kept.length
      onEvent({ type: name, bytes: kept })
    }
    if (kept.length < chunk.length) onFlood()
  })
  const ended = new Promise<void>((resolve) => stream.once('close', resolve).once('end', resolve))
  return { ended, bytes: () => Buffer.concat(chunks) }
}

/** Time for what has arrived to be read by everybody. */
async function nextTurns(): Promise<void> {
  for (let turn = 0; turn < 10; turn++) await new Promise(setImmediate)
}
