import { constants } from 'node:os'
import type { FastifyInstance, FastifyRequest } from 'fastify'
import { z } from 'zod'
import type { Commands } from '../../sessions/commands.ts'
import type { KeptCommand } from '../../sessions/kept-command.ts'
import { Refused, unreadAnswers } from '../refused.ts'
import { startKept } from '../v1/session-commands-routes.ts'
import { bodyOf, type OpenTerminal, queryOf, workFor } from './door.ts'
import { linesIn } from './output-lines.ts'
import { personOf } from './workplaces.ts'

const MOST_WAIT_S = 300
/** How long a command that is told to end may take before it is answered all the same. */
const END_MS = 5000

const command = z.object({
  command: z.string().max(128 * 1024),
  cwd: z.string().nullish(),
  env: z.record(z.string().regex(/^[A-Za-z_]\w*$/), z.string()).nullish(),
})
const seconds = z.coerce.number().min(0).max(MOST_WAIT_S).optional()
const count = z.coerce.number().int().min(1).optional()
const waiting = z.object({ wait: seconds, tail: count })
const status = waiting.extend({ offset: z.coerce.number().int().min(0).default(0) })
const input = z.object({ input: z.string().max(1024 ** 2) })

/** Adds `/execute`: commands, which go on when their request is over. Output is counted in bytes. */
export function addExecuteRoutes(app: FastifyInstance, at: string, door: OpenTerminal): void {
  const { answers, places, sessions } = door
  /** Without waking the session; null: there is none. */
  const commandsOf = (request: FastifyRequest): Commands | null => {
    if (!answers.hasRoomFor(request.caller)) throw unreadAnswers()
    const place = places.find(personOf(request))
    return place && sessions.commands(request.caller, place.session)
  }
  const found = (request: FastifyRequest): KeptCommand => {
    const { id } = request.params as { id: string }
    const kept = commandsOf(request)?.get(id)
    if (kept && !kept.record.hasTerminal) return kept
    throw new Refused(404, 'Process not found')
  }

  app.get(`${at}/execute`, async (request) =>
    (commandsOf(request)?.list() ?? []).filter(({ record }) => !record.hasTerminal).map(told),
  )
  app.post(`${at}/execute`, { config: { rateLimit: {} } }, async (request, reply) => {
    const { wait, tail } = queryOf(request, waiting)
    const asked = await bodyOf(door, request, command)
    door.connections.work(request.raw.socket, null)
    return workFor(door, request, reply, async ({ use, path, place, signal }) => {
      const cwd = asked.cwd ? path(asked.cwd) : place.cwd
      const env = asked.env ?? {}
      const kept = await startKept(use, { command: asked.command, cwd, env, user: 'user' })
      await ended(kept, wait, signal)
      return { ...told(kept), cwd, ...outputOf(kept, 0, tail) }
    })
  })
  app.get(`${at}/execute/:id/status`, async (request, reply) => {
    const { wait, tail, offset } = queryOf(request, status)
    const kept = found(request)
    if (wait !== undefined && kept.isRunning) {
      door.connections.work(request.raw.socket, null)
      await workFor(door, request, reply, ({ signal }) => ended(kept, wait, signal))
    }
    return { ...told(kept), ...outputOf(kept, offset, tail) }
  })
  app.post(`${at}/execute/:id/input`, async (request, reply) => {
    const asked = await bodyOf(door, request, input)
    const kept = found(request)
    if (!kept.isRunning) throw new Refused(400, 'Process has already exited')
    if (kept.hasUnreadInput) throw new Refused(409, 'Process has not read its earlier input')
    await workFor(
      door,
      request,
      reply,
      async () => void kept.write(Buffer.from(unescaped(asked.input))),
    )
    return { status: 'ok' }
  })
  app.delete(`${at}/execute/:id`, async (request, reply) => {
    const { force } = request.query as { force?: string }
    const kept = found(request)
    if (kept.isRunning) {
      await workFor(door, request, reply, async ({ signal }) => {
        kept.signal(constants.signals[/^(true|1)$/i.test(force ?? '') ? 'SIGKILL' : 'SIGTERM'])
        await ended(kept, END_MS / 1000, signal)
      })
    }
    return { status: 'killed' }
  })
}

function told({ record }: KeptCommand) {
  const { id, argv, end, exitCode, signal } = record
  const state = end === null ? 'running' : end === 'exit' ? 'done' : 'killed'
  const code = exitCode ?? (signal === null ? null : -signal)
  return { id, command: argv.at(-1) ?? '', status: state, exit_code: code, log_path: null }
}

/** Output from a byte on, a line to an entry. */
function outputOf(kept: KeptCommand, offset: number, tail: number | undefined) {
  const pieces = kept.outputNow(offset)
  const [first] = pieces
  const entries = linesIn(pieces)
  const output = tail === undefined ? entries : entries.slice(-tail)
  const isDropped = first !== undefined && first.offset > offset
  const truncated = isDropped || output.length < entries.length
  return { output, next_offset: kept.span.next, truncated }
}

async function ended(
  kept: KeptCommand,
  wait: number | undefined,
  signal: AbortSignal,
): Promise<void> {
  if (wait === undefined || signal.aborted) return
  let timer: NodeJS.Timeout | undefined
  const over = new Promise<void>((resolve) => {
    timer = setTimeout(resolve, wait * 1000)
    signal.addEventListener('abort', () => resolve(), { once: true })
  })
  await Promise.race([kept.ended, over])
  clearTimeout(timer)
}

const ESCAPES: Readonly<Record<string, string>> = {
  n: '\n',
  r: '\r',
  t: '\t',
  '\\': '\\',
  '0': '\0',
}

/** Models write control characters as escapes of Python's. */
function unescaped(text: string): string {
  return text.replace(
    /\\(?:([nrt\\0])|x([0-9a-f]{2})|u([0-9a-f]{4}))/gi,
    (all, letter, two, four) => {
      if (letter !== undefined) return ESCAPES[letter.toLowerCase()] ?? all
      return String.fromCharCode(Number.parseInt(two ?? four, 16))
    },
  )
}
