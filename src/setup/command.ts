/**
 * Runs the programs of the set-up. Every child is killed with its whole process tree when the
 * set-up is interrupted, so that nothing goes on writing into a folder we are about to remove.
 */
import { type ChildProcess, spawn } from 'node:child_process'
import { readFileSync } from 'node:fs'
import { createInterface } from 'node:readline'
import { ManagerError } from '../errors.ts'

export type CommandOptions = {
  /** What the command does, for the error: "<purpose> failed ...". */
  purpose: string
  /** What the operator can do about a failure; a full sentence. */
  remedy: string
  cwd?: string
  env?: NodeJS.ProcessEnv
  /**
   * Own mount and pid namespace, where this process may make them: even after a SIGKILL of ours no
   * process and no mount is left. Elsewhere (`docker build`) the command is only killed with us, and
   * the container that we run in ends with its last process.
   */
  contained?: boolean
  /** Sees every line of stdout and stderr as it comes. */
  onLine?: (line: string) => void
  timeoutMs?: number
}

/** The last lines of a failed command; found as `cause` of the ManagerError. */
export class CommandFailure extends Error {
  readonly tail: string[]

  constructor(command: string, ending: string, tail: string[]) {
    super(`${command}: ${ending}`)
    this.name = 'CommandFailure'
    this.tail = tail
  }
}

const TAIL_LINES = 25
const running = new Set<ChildProcess>()

/** The kernel kills the command when we die. */
const DYING_WITH_US = ['setpriv', '--pdeathsig', 'KILL', '--']
/** With the command goes everything that it started. */
const OWN_NAMESPACES = [
  ...['unshare', '--mount', '--pid', '--fork', '--kill-child=KILL', '--mount-proc', '--'],
]
/** Number of the capability in linux/capability.h. */
const CAP_SYS_ADMIN = 21n

/** Resolves with stdout; throws SETUP_FAILED when the command cannot start or does not end with 0. */
export async function runCommand(argv: string[], options: CommandOptions): Promise<string> {
  const [file, ...args] = options.contained ? contained(argv) : argv
  const child = spawn(file as string, args, {
    cwd: options.cwd,
    env: { ...process.env, LC_ALL: 'C.UTF-8', ...options.env },
    stdio: ['ignore', 'pipe', 'pipe'],
    detached: true,
  })
  running.add(child)
  const tail: string[] = []
  const output: string[] = []
  const see = (line: string) => {
    tail.push(line)
    if (tail.length > TAIL_LINES) tail.shift()
    options.onLine?.(line)
  }
  createInterface({ input: child.stdout }).on('line', (line) => {
    output.push(line)
    see(line)
  })
  createInterface({ input: child.stderr }).on('line', see)
  const timer = options.timeoutMs && setTimeout(() => killTree(child), options.timeoutMs)
  try {
    const ending = await endOf(child)
    if (ending === '') return output.join('\n')
    const cause = new CommandFailure(argv.join(' '), ending, tail)
    throw new ManagerError(
      'SETUP_FAILED',
      `${options.purpose} failed (${ending}). ${options.remedy}`,
      { cause },
    )
  } finally {
    clearTimeout(timer)
    running.delete(child)
  }
}

function contained(argv: string[]): string[] {
  return mayMount() ? [...DYING_WITH_US, ...OWN_NAMESPACES, ...argv] : [...DYING_WITH_US, ...argv]
}

/** Whether this process may make mounts and namespaces (capabilities(7), proc_pid_status(5)). */
export function mayMount(): boolean {
  const effective = /^CapEff:\s*([0-9a-f]+)$/m.exec(readFileSync('/proc/self/status', 'utf8'))?.[1]
  return effective !== undefined && ((BigInt(`0x${effective}`) >> CAP_SYS_ADMIN) & 1n) === 1n
}

/** Kills what still runs. Synchronous, so that it works as the last act of a signal handler. */
export function killRunningCommands(): void {
  for (const child of running) killTree(child)
}

/** '' after success, else how it ended. Waits for `close`: by then the pipes are drained. */
function endOf(child: ChildProcess): Promise<string> {
  return new Promise((resolve) => {
    child.on('error', (error) => resolve(error.message))
    child.on('close', (code, signal) => {
      resolve(code === 0 ? '' : signal ? `signal ${signal}` : `exit status ${code}`)
    })
  })
}

function killTree(child: ChildProcess): void {
  if (child.pid === undefined) return
  try {
    process.kill(-child.pid, 'SIGKILL')
  } catch {
    // Already gone.
  }
}
