import { constants } from 'node:os'
import type { FastifyInstance, FastifyReply } from 'fastify'
import { type CommandOutcome, runCommand } from '../../sessions/command.ts'
import { type Commands, NoRoomForOutput } from '../../sessions/commands.ts'
import type { CommandRecord, KeptCommand } from '../../sessions/kept-command.ts'
import type { Sessions, SessionUse } from '../../sessions/types.ts'
import { programOf } from '../../sessions/user.ts'
import { runCallerOf } from '../run-caller.ts'
import { EventStream } from '../sse.ts'
import { type Keepers, wantsEvents } from './call.ts'
import { CommandWords } from './command-words.ts'
import { invalid, Problem } from './problems.ts'
import { noSession, readJson, type SessionRequest, sessionProblem, take } from './session-call.ts'
import {
  type CommandAnswer,
  commandRequest,
  type KeptCommandAnswer,
  signalRequest,
  stdinRequest,
} from './session-command-schema.ts'

type Params = { Params: { id: string; command: string }; Querystring: { offset?: string } }
type Asked = ReturnType<typeof commandRequest.parse>

/** Of each of stdout and stderr of a command. */
const OUTPUT_BYTES = 1024 * 1024

/** Adds `/v1/sessions/{id}/commands`: commands that end with their request, and those that go on after it. */
export function addSessionCommandsRoutes(
  app: FastifyInstance,
  sessions: Sessions,
  keepers: Keepers,
): void {
  const at = '/v1/sessions/:id/commands'
  const one = `${at}/:command`
  app.post<Params>(at, { config: { rateLimit: {} } }, async (request, reply) => {
    const asked = readJson(request, commandRequest)
    if (!asked.background) return answerCommand(sessions, keepers, asked, request, reply)
    const use = await take(sessions, request)
    try {
      const command = await startKept(use, asked)
      if (asked.stdin !== null) void command.write(Buffer.from(asked.stdin))
      reply.header('location', `/v1/sessions/${request.params.id}/commands/${command.record.id}`)
      return reply.code(201).send(toldKept(command))
    } finally {
      use.release()
    }
  })
  app.get<Params>(at, async (request) => ({
    commands: commandsOf(sessions, request).list().map(toldKept),
  }))
  app.get<Params>(one, async (request) => toldKept(commandOf(sessions, request)))
  app.get<Params>(`${one}/output`, async (request, reply) => {
    const command = commandOf(sessions, request)
    const from = offsetIn(request.query.offset)
    if (wantsEvents(request)) return streamOutput(sessions, keepers, command, from, request, reply)
    return reply.send(toldOutput(command, from))
  })
  app.post<Params>(`${one}/stdin`, async (request, reply) => {
    const { text, content_base64: base64, close } = readJson(request, stdinRequest)
    await withCommand(sessions, request, async (command) => {
      if (command.hasUnreadInput) {
        throw new Problem('not-read-yet', 'The command has not read what was sent to it before.')
      }
      // It goes out as it is read; what is not read yet is at most this one request.
      void command.write(base64 === undefined ? Buffer.from(text) : Buffer.from(base64, 'base64'))
      if (close) command.closeInput()
    })
    return reply.code(204).send()
  })
  app.post<Params>(`${one}/signal`, async (request, reply) => {
    const { signal } = readJson(request, signalRequest)
    await withCommand(sessions, request, async (command) =>
      command.signal(constants.signals[signal]),
    )
    return reply.code(204).send()
  })
  app.delete<Params>(one, async (request, reply) => {
    const { id } = commandOf(sessions, request).record
    await withCommand(sessions, request, async () => {
      commandsOf(sessions, request).remove(id)
    })
    return reply.code(204).send()
  })
}

/**
 * Starts a command that goes on after its request.
 * @throws Problem
 */
export async function startKept(
  { commands, channels, env }: SessionUse,
  asked: Pick<Asked, 'command' | 'argv' | 'cwd' | 'env' | 'user'>,
  terminal?: { columns: number; rows: number },
): Promise<KeptCommand> {
  const argv = asked.argv ?? ['bash', '-c', asked.command as string]
  const program = programOf(argv, asked.cwd, { ...env, ...asked.env }, asked.user)
  try {
    return await commands.start(channels, { ...program, ...(terminal && { terminal }) })
  } catch (error) {
    if (!(error instanceof NoRoomForOutput)) throw sessionProblem(error as Error)
    const detail = 'Too much is kept for this caller: remove commands that have ended.'
    throw new Problem('too-much-held', detail)
  }
}

function commandsOf(sessions: Sessions, { caller, params: { id } }: SessionRequest): Commands {
  const commands = sessions.commands(caller, id)
  if (!commands) throw noSession(id)
  return commands
}

type CommandRequest = SessionRequest & { params: Params['Params'] }

/** Returns the command that the path names; throws a Problem if it does not exist. */
export function commandOf(sessions: Sessions, request: CommandRequest): KeptCommand {
  const { command: id } = request.params
  const command = commandsOf(sessions, request).get(id)
  if (!command) throw new Problem('not-found', `The session has no command ${id.slice(0, 64)}.`)
  return command
}

/** Does something to a command whose session is awake. */
async function withCommand(
  sessions: Sessions,
  request: CommandRequest,
  work: (command: KeptCommand) => Promise<void>,
): Promise<void> {
  commandOf(sessions, request)
  const use = await take(sessions, request)
  try {
    await work(commandOf(sessions, request))
  } finally {
    use.release()
  }
}

/** Sends the output as it comes; the session stays awake for that long. */
async function streamOutput(
  sessions: Sessions,
  { answers, connections }: Keepers,
  command: KeptCommand,
  from: number,
  request: CommandRequest,
  reply: FastifyReply,
): Promise<FastifyReply> {
  const watched = runCallerOf(request, reply, null)
  connections.work(request.raw.socket, null)
  const use = command.isRunning ? await take(sessions, request) : null
  try {
    const stream = new EventStream(reply, request.caller, answers)
    stream.begin()
    const words = new CommandWords((event, data) => stream.send(event, data))
    let at = from
    for await (const { stream: name, offset, bytes } of command.output(from, watched.signal)) {
      if (offset > at) words.dropped(offset, offset - at)
      at = offset + bytes.length
      words.text(name, bytes, at)
      await stream.drained()
    }
    if (watched.signal.aborted) return reply
    words.end()
    await stream.finish('done', [JSON.stringify(toldKept(command))])
    return reply
  } finally {
    use?.release()
    watched.done()
  }
}

function toldOutput(command: KeptCommand, from: number) {
  const pieces = command.outputNow(from)
  const said = (name: 'stdout' | 'stderr') =>
    Buffer.concat(pieces.filter(({ stream }) => stream === name).map(({ bytes }) => bytes))
  const { first, next } = command.span
  return {
    stdout: said('stdout').toString('utf8'),
    stderr: said('stderr').toString('utf8'),
    dropped: Math.max(0, Math.min(first, next) - from),
    next_offset: next,
    running: command.isRunning,
  }
}

/**
 * Reads the offset of a query; none is 0.
 * @throws Problem
 */
export function offsetIn(text: string | undefined): number {
  const offset = Number(text ?? 0)
  if (Number.isSafeInteger(offset) && offset >= 0) return offset
  throw invalid([{ pointer: '', detail: 'offset must be a number of bytes.' }])
}

/** Returns a command in the words of the native API. */
export function toldKept(command: KeptCommand): KeptCommandAnswer {
  const { record, span } = command
  const { id, pid, argv, cwd, hasTerminal, startedAtMs, endedAtMs, exitCode, signal } = record
  return {
    id,
    pid,
    argv: [...argv],
    cwd,
    terminal: hasTerminal,
    status: statusOf(record),
    exit_code: exitCode,
    signal: nameOfSignal(signal),
    started_at: new Date(startedAtMs).toISOString(),
    ended_at: endedAtMs === null ? null : new Date(endedAtMs).toISOString(),
    output: { first_offset: span.first, next_offset: span.next },
  }
}

function statusOf({ end, exitCode }: CommandRecord): KeptCommandAnswer['status'] {
  if (end === null) return 'running'
  if (end === 'lost') return 'lost'
  return exitCode === 0 ? 'succeeded' : 'failed'
}

async function answerCommand(
  sessions: Sessions,
  { answers, connections }: Keepers,
  asked: Asked,
  request: SessionRequest,
  reply: FastifyReply,
): Promise<FastifyReply> {
  const watched = runCallerOf(request, reply, null)
  connections.work(request.raw.socket, null)
  const use = await take(sessions, request)
  const stream = wantsEvents(request) ? new EventStream(reply, request.caller, answers) : null
  try {
    const words = stream && new CommandWords((event, data) => stream.send(event, data))
    const outcome = await runCommand(
      use,
      {
        argv: asked.argv ?? ['bash', '-c', asked.command as string],
        cwd: asked.cwd,
        env: asked.env,
        user: asked.user,
        stdin: asked.stdin === null ? null : Buffer.from(asked.stdin),
        wallTimeMs: asked.wall_ms,
        outputBytes: OUTPUT_BYTES,
      },
      watched.signal,
      words ? (event) => words.tell(event) : undefined,
    )
    const told = toldCommand(outcome)
    if (!stream || !words) return reply.send(told)
    words.end()
    await stream.finish('done', [JSON.stringify(told)])
    return reply
  } catch (error) {
    throw sessionProblem(error as Error)
  } finally {
    use.release()
    watched.done()
  }
}

const STATUSES = {
  signal: 'failed',
  time: 'timed_out',
  output: 'output_limit',
  canceled: 'canceled',
  lost: 'lost',
} as const

const SIGNALS = new Map(Object.entries(constants.signals).map(([name, number]) => [number, name]))

/** Returns how a command ended in the words of the native API. */
export function toldCommand(outcome: CommandOutcome): CommandAnswer {
  const { end, exitCode, signal, stdout, stderr, wallMs } = outcome
  const ended = exitCode === 0 ? 'succeeded' : 'failed'
  return {
    status: end === 'exit' ? ended : STATUSES[end],
    exit_code: exitCode,
    signal: nameOfSignal(signal),
    stdout: stdout.toString('utf8'),
    stderr: stderr.toString('utf8'),
    wall_ms: Math.round(wallMs * 1000) / 1000,
  }
}

function nameOfSignal(signal: number | null): string | null {
  return signal === null ? null : (SIGNALS.get(signal as never) ?? `signal ${signal}`)
}
