import { type Commands, NoRoomForOutput } from '../../../sessions/commands.ts'
import { SessionFiles } from '../../../sessions/files.ts'
import type { KeptCommand } from '../../../sessions/kept-command.ts'
import type { SessionUse } from '../../../sessions/types.ts'
import { type Program, programOf } from '../../../sessions/user.ts'
import { ConnectError } from './connect/errors.ts'
import { ENOENT, errnoOf, rpcFailure } from './failures.ts'
import type { Selector } from './process-messages.ts'
import type { SandboxUser } from './users.ts'

/** How long a client may still ask for a process that has ended. */
const ENDED_MS = 30_000

/** What is asked to be started. */
export interface Asked {
  readonly argv: readonly string[]
  /** Absolute. */
  readonly cwd: string
  readonly env: Readonly<Record<string, string>>
  readonly tag: string | null
  readonly terminal: Program['terminal'] | null
  readonly wallTimeMs: number | null
}

/**
 * Starts a process that outlives its request.
 * @throws ConnectError, GoneSandbox
 */
export async function startProcess(
  { channels, commands, env }: SessionUse,
  user: SandboxUser,
  asked: Asked,
  sandboxId: string,
): Promise<KeptCommand> {
  const { argv, cwd, tag, terminal, wallTimeMs } = asked
  const variables = { LOGNAME: user.name, ...env, ...asked.env }
  const program = programOf(argv, cwd, variables, user.name)
  try {
    const notes = { tag, env: asked.env, wallTimeMs }
    return await commands.start(channels, { ...program, ...(terminal && { terminal }) }, notes)
  } catch (error) {
    if (error instanceof NoRoomForOutput) {
      throw new ConnectError('resource_exhausted', 'too many processes of this caller are kept')
    }
    if (errnoOf(error) === ENOENT) {
      const files = new SessionFiles(channels, new AbortController().signal, user.files)
      const entry = await files.stat(cwd).catch(() => null)
      if (!entry) throw new ConnectError('invalid_argument', `cwd '${cwd}' does not exist`)
    }
    throw rpcFailure(error, `error starting process '${argv[0]}'`, sandboxId)
  }
}

/**
 * Finds a process that runs.
 * @throws ConnectError not_found
 */
export function findRunning(commands: Commands, selector: Selector): KeptCommand {
  const found = commands.list().findLast((one) => one.isRunning && isIt(one, selector))
  if (found) return found
  throw noProcess(selector)
}

/**
 * Finds a process that runs, or has ended a moment ago.
 * @throws ConnectError not_found
 */
export function findLately(commands: Commands, selector: Selector): KeptCommand {
  const since = Date.now() - ENDED_MS
  const all = commands.list().filter((one) => isIt(one, selector))
  const ended = ({ record }: KeptCommand) => (record.endedAtMs ?? 0) > since
  const found = all.findLast((one) => one.isRunning) ?? all.findLast(ended)
  if (found) return found
  throw noProcess(selector)
}

function isIt({ record }: KeptCommand, { pid, tag }: Selector): boolean {
  return pid === undefined ? record.tag === tag : record.pid === pid
}

function noProcess({ pid, tag }: Selector): ConnectError {
  const name = pid === undefined ? `tag ${tag?.slice(0, 64)}` : `pid ${pid}`
  return new ConnectError('not_found', `process with ${name} not found`)
}
