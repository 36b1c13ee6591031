import { readFileSync } from 'node:fs'
import { ManagerError } from '../errors.ts'
import { exec } from './exec.ts'

export type CommandOptions = {
  /** What the command does, for the error: "<purpose> failed ...". */
  purpose: string
  /** What the operator can do about a failure; a full sentence. */
  remedy: string
  cwd?: string
  /** Added to this process's environment. */
  env?: NodeJS.ProcessEnv
  /**
   * Runs it in a mount and pid namespace of its own, where this process may make them: even after a
   * SIGKILL of this process no process and no mount is left. Elsewhere (`docker build`) the command is only
   * killed with this process, and the container ends with its last process.
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

/** The kernel kills the command when this process dies. */
const DYING_WITH_US = ['setpriv', '--pdeathsig', 'KILL', '--']
/** With the command goes everything that it started. */
const OWN_NAMESPACES = [
  ...['unshare', '--mount', '--pid', '--fork', '--kill-child=KILL', '--mount-proc', '--'],
]
/** Number of the capability in linux/capability.h. */
const CAP_SYS_ADMIN = 21n

/**
 * Runs a command of the set-up and waits for its end.
 * @returns its standard output, without the last line break
 * @throws ManagerError SETUP_FAILED when it cannot start or does not end with 0
 */
export async function runCommand(argv: string[], options: CommandOptions): Promise<string> {
  const tail: string[] = []
  const lines = new LineSplitter((line) => {
    tail.push(line)
    if (tail.length > TAIL_LINES) tail.shift()
    options.onLine?.(line)
  })
  const { stdout, failure } = await exec(options.contained ? contained(argv) : argv, {
    cwd: options.cwd,
    env: { ...process.env, LC_ALL: 'C.UTF-8', ...options.env },
    timeoutMs: options.timeoutMs,
    onOutput: (stream, text) => lines.take(stream, text),
  })
  lines.end()
  if (failure === null) return stdout.replace(/\r?\n$/, '')
  throw new ManagerError(
    'SETUP_FAILED',
    `${options.purpose} failed (${failure}). ${options.remedy}`,
    {
      cause: new CommandFailure(argv.join(' '), failure, tail),
    },
  )
}

/** Gives the lines of two streams, in the order in which they are complete. */
class LineSplitter {
  readonly #onLine: (line: string) => void
  readonly #begun = { stdout: '', stderr: '' }

  constructor(onLine: (line: string) => void) {
    this.#onLine = onLine
  }

  take(stream: 'stdout' | 'stderr', text: string): void {
    const lines = (this.#begun[stream] + text).split(/\r?\n/)
    this.#begun[stream] = lines.pop() as string
    for (const line of lines) this.#onLine(line)
  }

  /** Gives the last line of each stream that no line break ended. */
  end(): void {
    for (const line of Object.values(this.#begun)) if (line) this.#onLine(line)
  }
}

function contained(argv: string[]): string[] {
  return mayMount() ? [...DYING_WITH_US, ...OWN_NAMESPACES, ...argv] : [...DYING_WITH_US, ...argv]
}

/** Tells whether this process may make mounts and namespaces (capabilities(7), proc_pid_status(5)). */
export function mayMount(): boolean {
  const effective = /^CapEff:\s*([0-9a-f]+)$/m.exec(readFileSync('/proc/self/status', 'utf8'))?.[1]
  return effective !== undefined && ((BigInt(`0x${effective}`) >> CAP_SYS_ADMIN) & 1n) === 1n
}
