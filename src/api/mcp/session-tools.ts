import { randomUUID } from 'node:crypto'
import type { CallToolResult, McpServer, ServerContext } from '@modelcontextprotocol/server'
import { type CommandOutcome, runCommand } from '../../sessions/command.ts'
import type { SessionInfo } from '../../sessions/types.ts'
import { toldCommand } from '../v1/session-commands-routes.ts'
import { presentOutcome, type ToldOutcome } from './present.ts'
import { progressOf } from './progress.ts'
import { runCodeOutput } from './schemas.ts'
import {
  answered,
  inSession,
  type SessionCall,
  type SessionToolHost,
  unknownSession,
} from './session-call.ts'
import { addFileTools } from './session-files.ts'
import {
  closeSessionInput,
  closeSessionOutput,
  openSessionInput,
  openSessionOutput,
  runCommandInput,
} from './session-schemas.ts'

const OPEN_SESSION =
  'Open a sandbox that stays between calls, with its variables, files, installed packages and background processes. Give its session to run_code, run_command and the file tools. It sleeps while it is not used, and ends some time after its last use; close_session ends it at once.'
const RUN_COMMAND =
  'Run a line of bash in a session, in its home /home/user: install packages, start servers in the background with &, look at files. A shell of its own runs each line; files stay, variables of the shell do not.'
/** The most bytes that are kept of stdout, and of stderr. */
const OUTPUT_BYTES = 1024 * 1024
/** As those of the native API. */
const IDLE = { freezeMs: 5000, hibernateMs: 300_000 }

type Given<T extends { _output: unknown }> = T['_output']

/** Adds the tools that keep a sandbox between calls. A session belongs to its caller: others are told that there is none. */
export function addSessionTools(
  server: McpServer,
  host: SessionToolHost,
  openWorldHint: boolean,
): void {
  const changes = { readOnlyHint: false, destructiveHint: false, openWorldHint }
  server.registerTool(
    'open_session',
    {
      title: 'Open a session',
      description: OPEN_SESSION,
      inputSchema: openSessionInput,
      outputSchema: openSessionOutput,
      annotations: changes,
    },
    (given) => openSession(host, given),
  )
  server.registerTool(
    'run_command',
    {
      title: 'Run a command',
      description: RUN_COMMAND,
      inputSchema: runCommandInput,
      outputSchema: runCodeOutput,
      annotations: { ...changes, destructiveHint: true },
    },
    (given, { mcpReq }: ServerContext) => command({ ...host, mcpReq }, given),
  )
  addFileTools(server, host)
  server.registerTool(
    'close_session',
    {
      title: 'Close a session',
      description: 'End a session. Its variables and files are gone then.',
      inputSchema: closeSessionInput,
      outputSchema: closeSessionOutput,
      annotations: { ...changes, destructiveHint: true, openWorldHint: false },
    },
    ({ session }) =>
      answered(host, session, async () => {
        const closed = await host.sessions.kill(host.call.request.caller, session)
        if (!closed) throw unknownSession(session)
        const text = `The session ${session} is closed.`
        return { content: [{ type: 'text', text }], structuredContent: { session, closed } }
      }),
  )
}

function openSession(
  host: SessionToolHost,
  { template, ttl_seconds, recover }: Given<typeof openSessionInput>,
): Promise<CallToolResult> {
  const { sessions, call } = host
  const { caller } = call.request
  return answered(host, recover ?? '', async () => {
    const open = () =>
      sessions.create({
        caller,
        template: template ?? sessions.defaultTemplate(),
        env: {},
        metadata: {},
        idle: IDLE,
        ttlMs: ttl_seconds * 1000,
      })
    const info = recover === undefined ? await open() : await sessions.recover(caller, recover)
    if (!info) throw unknownSession(recover ?? '')
    return told(host, info)
  })
}

function told({ sessions, call }: SessionToolHost, info: SessionInfo): CallToolResult {
  const { id, template, expiresAtMs } = info
  const languages = sessions.contexts(call.request.caller, id)?.languages() ?? []
  const expires_at = new Date(expiresAtMs).toISOString()
  const text = `session ${id}, with ${languages.join(', ')}; it ends at ${expires_at} unless it is used`
  return {
    content: [{ type: 'text', text }],
    structuredContent: { session: id, template, languages, expires_at },
  }
}

function command(host: SessionCall, given: Given<typeof runCommandInput>): Promise<CallToolResult> {
  const { results, call, mcpReq } = host
  const { caller } = call.request
  return inSession(host, given.session, async (use, signal) => {
    const progress = progressOf(mcpReq)
    try {
      const asked = {
        argv: ['bash', '-c', given.command],
        cwd: given.cwd,
        env: {},
        stdin: given.stdin === undefined ? null : Buffer.from(given.stdin),
        wallTimeMs: given.timeout_seconds * 1000,
        outputBytes: OUTPUT_BYTES,
      }
      const outcome = await runCommand(use, asked, signal, (event) => progress?.tell(event))
      const id = randomUUID()
      return presentOutcome(id, toldOf(outcome), (parts) => results.keep(caller, id, parts))
    } finally {
      progress?.end()
    }
  })
}

const DETAILS = {
  exit: '',
  signal: 'A signal ended the command.',
  time: 'The command was ended because it reached timeout_seconds: say more, or start it in the background with & and look at its output later.',
  output: 'The command was ended because it wrote more than 1 MiB: send its output to a file.',
  canceled: 'The command was canceled.',
  lost: 'The session ended before the command did.',
} as const

function toldOf(outcome: CommandOutcome): ToldOutcome {
  const { end, exitCode, stdout, stderr, wallMs } = outcome
  const { status, signal } = toldCommand(outcome)
  const detail = end === 'exit' ? `The command ended with exit code ${exitCode}.` : DETAILS[end]
  const none = { displays: [], files: [], filesLeftOut: [], result: null }
  return { status, exitCode, signal, stdout, stderr, wallMs, detail, ...none }
}
