import { SessionFiles } from '../../sessions/files.ts'
import type { KeptCommand } from '../../sessions/kept-command.ts'
import type { Sessions, SessionUse } from '../../sessions/types.ts'
import { programOf } from '../../sessions/user.ts'
import { JsonBody } from '../json-body.ts'
import { writeWhole } from '../session-work.ts'
import { invalid } from '../v1/problems.ts'
import type { OfferedTemplate } from '../v1/service.ts'
import { limitsOf } from './limits.ts'
import { type PistonRequest, readPiston } from './read-request.ts'
import { findRuntime, type Runtime } from './runtimes.ts'

/** How a program is begun, and the file that it is in. */
const COMMANDS: Readonly<Record<string, readonly [argv: readonly string[], file: string]>> = {
  python: [['python3', 'main.py'], 'main.py'],
  javascript: [['node', 'main.js'], 'main.js'],
  typescript: [['node', 'main.ts'], 'main.ts'],
  bash: [['bash', 'main.sh'], 'main.sh'],
}
/** How much longer than its program a session may live. */
const SPARE_MS = 60_000
const FOLDER = 'piston'

/** What a frame says; that of `init` is read where its program is started. */
export type Words =
  | { readonly type: 'init' | 'other' }
  | { readonly type: 'data'; readonly stream: string; readonly data: Buffer }
  | { readonly type: 'signal'; readonly signal: string }

/** Reads a frame. What it says beside these words is not looked at. */
export function wordsOf(frame: Buffer): Words {
  try {
    const body = JsonBody.read(frame, ['type', 'stream', 'data', 'signal'])
    const said = (name: string) => body.text(name)?.toString('utf8', 0, 20) ?? ''
    const type = said('type')
    if (type === 'init') return { type }
    if (type === 'signal') return { type, signal: said('signal') }
    const data = type === 'data' ? body.text('data') : null
    return data ? { type: 'data', stream: said('stream'), data } : { type: 'other' }
  } catch {
    return { type: 'other' }
  }
}

export interface ProgramHost {
  readonly caller: string
  readonly sessions: Sessions
  readonly templates: readonly OfferedTemplate[]
  /** What the client is told of a failure. */
  sayOf(error: Error): string
}

/** A program in a session that is there for it alone. */
export interface Program {
  readonly runtime: Runtime
  readonly command: KeptCommand
  /** Of each of stdout and stderr. */
  readonly outputBytes: number
  /** Ends its session. */
  end(): Promise<void>
}

/**
 * Starts the program that an `init` asks for, in a session of its own on the caller's account.
 * @throws Problem, ManagerError, and what a session throws; then there is no session
 */
export async function startProgram(
  init: Buffer,
  { caller, sessions, templates }: ProgramHost,
  signal: AbortSignal,
): Promise<Program> {
  const read = readPiston(init)
  if ('issues' in read) throw invalid(read.issues)
  const [input] = read.value
  if (!input) throw invalid([])
  const { language, version, constraints } = input.own as PistonRequest
  const found = findRuntime(templates, language, version)
  const [argv, main] = COMMANDS[found?.served.name ?? ''] ?? []
  if (!found || !argv || !main) {
    throw invalid([{ pointer: '', detail: `${language}-${version} runtime is unknown` }])
  }
  const { template } = found.served
  const wallTimeMs = limitsOf(constraints, template).wall_ms ?? template.limits.wallTimeMs
  const ttlMs = wallTimeMs + SPARE_MS
  const idle = { freezeMs: null, hibernateMs: null }
  const asked = { caller, template: template.name, env: {}, metadata: {}, idle, ttlMs }
  const { id } = await sessions.create({ ...asked, atDeadline: 'end' })
  let use: SessionUse | null = null
  const end = async () => {
    use?.release()
    await sessions.kill(caller, id)
  }
  try {
    use = await sessions.use(caller, id)
    if (!use) throw new Error('the session is gone')
    // What is written is on the account of the frame that asks for it.
    const files = new SessionFiles(use.channels, signal)
    for (const { path, content } of [...input.files, { path: main, content: input.code }]) {
      await writeWhole(files, `/home/user/${FOLDER}/${path}`, content, null)
    }
    const program = programOf([...argv, ...input.fields.argv], FOLDER, use.env)
    const notes = { tag: null, env: {}, wallTimeMs }
    const command = await use.commands.start(use.channels, program, notes)
    return { runtime: found.runtime, command, outputBytes: template.limits.outputBytes, end }
  } catch (error) {
    await end()
    throw error
  }
}
