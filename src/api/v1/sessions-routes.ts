import { constants } from 'node:os'
import { StringDecoder } from 'node:string_decoder'
import type { FastifyInstance, FastifyReply } from 'fastify'
import type { CommandEvent, CommandOutcome } from '../../sessions/command.ts'
import { runCommand } from '../../sessions/command.ts'
import type { Sessions } from '../../sessions/types.ts'
import { runCallerOf } from '../run-caller.ts'
import { EventStream } from '../sse.ts'
import { type Keepers, wantsEvents } from './call.ts'
import {
  noSession,
  readJson,
  type SessionRequest,
  sessionProblem,
  take,
  toldSession,
} from './session-call.ts'
import { type CommandAnswer, commandRequest, sessionRequest, ttlRequest } from './session-schema.ts'

type Params = { Params: { id: string } }

/** Of each of stdout and stderr of a command. */
const OUTPUT_BYTES = 1024 * 1024

/** `/v1/sessions`: makes, tells, changes and ends sessions, and runs commands in them. */
export function addSessionsRoutes(
  app: FastifyInstance,
  sessions: Sessions,
  keepers: Keepers,
): void {
  app.post('/v1/sessions', { config: { rateLimit: {} } }, async (request, reply) => {
    const { template, env, metadata, ttl_ms: ttlMs, idle } = readJson(request, sessionRequest)
    const created = sessions.create({
      caller: request.caller,
      template,
      env,
      metadata,
      ttlMs,
      idle: { freezeMs: idle.freeze_ms, hibernateMs: idle.hibernate_ms },
    })
    const info = await created.catch((error: Error) => {
      throw sessionProblem(error)
    })
    reply.header('location', `/v1/sessions/${info.id}`)
    return reply.code(201).send(toldSession(info))
  })
  app.get('/v1/sessions', async ({ caller }) => ({
    sessions: sessions.list(caller).map(toldSession),
  }))
  app.get<Params>('/v1/sessions/:id', async ({ caller, params: { id } }) => {
    const info = sessions.get(caller, id)
    if (!info) throw noSession(id)
    return toldSession(info)
  })
  app.patch<Params>('/v1/sessions/:id', async (request) => {
    const { id } = request.params
    const info = sessions.setTtl(request.caller, id, readJson(request, ttlRequest).ttl_ms)
    if (!info) throw noSession(id)
    return toldSession(info)
  })
  app.delete<Params>('/v1/sessions/:id', async ({ caller, params: { id } }, reply) => {
    if (!(await sessions.kill(caller, id))) throw noSession(id)
    return reply.code(204).send()
  })
  app.post<Params>('/v1/sessions/:id/pause', async ({ caller, params: { id } }) => {
    const info = await sessions.pause(caller, id)
    if (!info) throw noSession(id)
    return toldSession(info)
  })
  app.post<Params>('/v1/sessions/:id/resume', async (request) => {
    const use = await take(sessions, request)
    use.release()
    return toldSession(sessions.get(request.caller, request.params.id) ?? fail())
  })
  app.post<Params>('/v1/sessions/:id/commands', async (request, reply) =>
    answerCommand(sessions, keepers, request, reply),
  )
}

async function answerCommand(
  sessions: Sessions,
  { answers, connections }: Keepers,
  request: SessionRequest,
  reply: FastifyReply,
): Promise<FastifyReply> {
  const asked = readJson(request, commandRequest)
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

/** A command's events in the words of the wire. No character is broken across two of them. */
class CommandWords {
  readonly #send: (event: string, data: string) => void
  readonly #decoders = { stdout: new StringDecoder(), stderr: new StringDecoder() }

  constructor(send: (event: string, data: string) => void) {
    this.#send = send
  }

  tell(event: CommandEvent): void {
    if (event.type === 'started') this.#send('started', JSON.stringify({ pid: event.pid }))
    else this.#text(event.type, this.#decoders[event.type].write(event.bytes))
  }

  end(): void {
    for (const name of ['stdout', 'stderr'] as const) this.#text(name, this.#decoders[name].end())
  }

  #text(name: 'stdout' | 'stderr', text: string): void {
    if (text !== '') this.#send(name, JSON.stringify({ text }))
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

function toldCommand(outcome: CommandOutcome): CommandAnswer {
  const { end, exitCode, signal, stdout, stderr, wallMs } = outcome
  const ended = exitCode === 0 ? 'succeeded' : 'failed'
  return {
    status: end === 'exit' ? ended : STATUSES[end],
    exit_code: exitCode,
    signal: signal === null ? null : (SIGNALS.get(signal as never) ?? `signal ${signal}`),
    stdout: stdout.toString('utf8'),
    stderr: stderr.toString('utf8'),
    wall_ms: Math.round(wallMs * 1000) / 1000,
  }
}

function fail(): never {
  throw new Error('a session that was just used is gone')
}
