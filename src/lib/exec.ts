import { type ChildProcess, type SpawnOptions, spawn, spawnSync } from 'node:child_process'

export interface ExecOptions {
  readonly cwd?: string | undefined
  /** The whole environment; by default this process's own, with messages in English. */
  readonly env?: NodeJS.ProcessEnv | undefined
  /** Text for its standard input, which is empty otherwise. */
  readonly input?: string
  /** Open files of this process that it has as descriptors 3, 4, ... */
  readonly descriptors?: readonly number[]
  /** After so long it is killed. */
  readonly timeoutMs?: number | undefined
  /** Kills it when aborted; its end is not waited for then. */
  readonly signal?: AbortSignal | null
  /** Sees its output as it comes. */
  readonly onOutput?: (stream: 'stdout' | 'stderr', text: string) => void
}

/** How a program ended. */
export interface Ended {
  readonly stdout: string
  /** The last 16 KiB of it. */
  readonly stderr: string
  /** Null when it did not start, or a signal ended it. */
  readonly exitCode: number | null
  /** Why it is no success, in words such as "exit status 1"; null after an exit with 0. */
  readonly failure: string | null
}

/** For programs of the system: no setting of the operator changes what they do. */
export const SYSTEM_ENV = { PATH: '/usr/sbin:/usr/bin:/sbin:/bin', LC_ALL: 'C.UTF-8' }

const STDERR_KEPT_CHARACTERS = 16 * 1024
const running = new Set<ChildProcess>()

/**
 * Runs a program, and waits for its end and for the end of its output. It leads a process group of its
 * own; a time limit or the signal kills the whole group.
 * @param command the program, looked up in PATH, and its arguments
 * @returns how it ended; never rejects
 */
export function exec(command: readonly string[], options: ExecOptions = {}): Promise<Ended> {
  const [file, ...args] = command as [string, ...string[]]
  const { cwd, env = defaultEnv(), input, descriptors = [], timeoutMs, signal, onOutput } = options
  const stdio = [input === undefined ? 'ignore' : 'pipe', 'pipe', 'pipe', ...descriptors] as const
  const child = trySpawn(file, args, { cwd, env, stdio: [...stdio], detached: true })
  if (child instanceof Error) return Promise.resolve(notStarted(child))
  running.add(child)
  const output = { stdout: '', stderr: '' }
  for (const stream of ['stdout', 'stderr'] as const) {
    child[stream]?.setEncoding('utf8').on('data', (text: string) => {
      output[stream] += text
      if (stream === 'stderr') output.stderr = output.stderr.slice(-STDERR_KEPT_CHARACTERS)
      onOutput?.(stream, text)
    })
  }
  // It may end without reading all of its input.
  child.stdin?.on('error', () => {}).end(input)
  const timer = timeoutMs && setTimeout(() => killGroup(child), timeoutMs)
  return new Promise((resolve) => {
    const end = (exitCode: number | null, failure: string | null) => {
      clearTimeout(timer)
      signal?.removeEventListener('abort', giveUp)
      running.delete(child)
      resolve({ ...output, exitCode, failure })
    }
    const giveUp = () => {
      killGroup(child)
      end(null, 'given up')
    }
    child.on('error', (error) => end(null, error.message))
    // By then the pipes are drained.
    child.on('close', (code, killedBy) => end(code, failureOf(code, killedBy)))
    if (signal?.aborted) giveUp()
    else signal?.addEventListener('abort', giveUp, { once: true })
  })
}

/**
 * Runs a short program while this process waits, for steps that come before anything is served.
 * @returns how it ended; never throws
 */
export function execSync(
  command: readonly string[],
  { env = defaultEnv(), timeoutMs }: Pick<ExecOptions, 'env' | 'timeoutMs'> = {},
): Ended {
  const [file, ...args] = command as [string, ...string[]]
  const options = { encoding: 'utf8', env, timeout: timeoutMs, killSignal: 'SIGKILL' } as const
  const { stdout, stderr, status, signal, error } = spawnSync(file, args, options)
  return {
    stdout: stdout ?? '',
    stderr: (stderr ?? '').slice(-STDERR_KEPT_CHARACTERS),
    exitCode: status,
    failure: error?.message ?? failureOf(status, signal),
  }
}

/** Kills every program that exec() waits for. Synchronous: it works as the last act of a process. */
export function killRunning(): void {
  for (const child of running) killGroup(child)
}

/** Some failures to start are thrown (E2BIG), others come as an event (ENOENT, EMFILE). */
function trySpawn(file: string, args: string[], options: SpawnOptions): ChildProcess | Error {
  try {
    return spawn(file, args, options)
  } catch (error) {
    return error as Error
  }
}

function notStarted({ message }: Error): Ended {
  return { stdout: '', stderr: '', exitCode: null, failure: message }
}

function defaultEnv(): NodeJS.ProcessEnv {
  return { ...process.env, LC_ALL: 'C.UTF-8' }
}

function failureOf(code: number | null, signal: NodeJS.Signals | null): string | null {
  if (code === 0) return null
  return signal ? `signal ${signal}` : `exit status ${code}`
}

function killGroup(child: ChildProcess): void {
  if (child.pid === undefined) return
  try {
    process.kill(-child.pid, 'SIGKILL')
  } catch {
    // Already gone.
  }
}
