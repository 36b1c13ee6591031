import type { FastifyInstance, FastifyRequest } from 'fastify'
import { z } from 'zod'
import type { KeptCommand } from '../../sessions/kept-command.ts'
import type { Sessions, SessionUse } from '../../sessions/types.ts'
import type { Budget } from '../accounts.ts'
import type { Keepers } from './call.ts'
import { invalid, Problem } from './problems.ts'
import { issuesOf } from './read-run.ts'
import { type SessionRequest, take } from './session-call.ts'
import { startKept, toldKept } from './session-commands-routes.ts'
import { size, Terminal } from './session-terminal.ts'

/** What the query of a terminal may say. */
export const terminalQuery = z.object({
  columns: size.default(80),
  rows: size.default(24),
  command: z.string().optional(),
  cwd: z.string().default(''),
  user: z.enum(['user', 'root']).default('user'),
  term: z
    .string()
    .regex(/^[\w.+-]{1,64}$/)
    .default('xterm-256color'),
  id: z.string().optional(),
  offset: z.coerce.number().int().min(0).default(0),
})
type Query = z.infer<typeof terminalQuery>

export interface TerminalKeepers extends Keepers {
  /** Frames on their way in. */
  readonly frames: Budget
  readonly stopping: AbortSignal
}

/**
 * Adds `/v1/sessions/{id}/terminal`: a WebSocket to a program at a terminal, a new one or one that goes on. It needs
 * `@fastify/websocket`.
 */
export function addSessionTerminalRoute(
  app: FastifyInstance,
  sessions: Sessions,
  keepers: TerminalKeepers,
): void {
  const opened = new WeakMap<FastifyRequest, { command: KeptCommand; from: number }>()
  app.route({
    method: 'GET',
    url: '/v1/sessions/:id/terminal',
    config: { hasQueryKey: true, rateLimit: {} },
    // What is refused is refused before the upgrade, as an answer of HTTP.
    preHandler: async (request) => {
      if (!request.ws) throw new Problem('upgrade-required', 'A terminal is a WebSocket.')
      const query = queryOf(request)
      const { socket } = request.raw
      const use = await take(sessions, request as SessionRequest)
      // Awake for as long as somebody looks at it.
      if (socket.destroyed) use.release()
      else socket.once('close', () => use.release())
      keepers.connections.work(socket, null)
      const command = query.id === undefined ? await begin(use, query) : found(use, query.id)
      if (query.id !== undefined && 'columns' in (request.query as object)) {
        command.resize(query.columns, query.rows)
      }
      opened.set(request, { command, from: query.offset })
    },
    handler: async () => {
      throw new Problem('upgrade-required', 'A terminal is a WebSocket.')
    },
    wsHandler: (webSocket, request) => {
      const { command, from } = opened.get(request) as { command: KeptCommand; from: number }
      const told = () => {
        const { exit_code, signal } = toldKept(command)
        return { exit_code, signal }
      }
      const { caller, raw } = request
      new Terminal(webSocket, raw.socket, { ...keepers, caller, command, from, told })
    },
  })
}

function begin(use: SessionUse, { columns, rows, command, cwd, user, term }: Query) {
  const argv = command === undefined ? ['bash'] : ['bash', '-c', command]
  return startKept(use, { argv, cwd, env: { TERM: term }, user }, { columns, rows })
}

function found({ commands }: SessionUse, id: string): KeptCommand {
  const command = commands.get(id)
  if (command?.record.hasTerminal) return command
  throw new Problem('not-found', `The session has no terminal ${id.slice(0, 64)}.`)
}

function queryOf({ query }: FastifyRequest): Query {
  const read = terminalQuery.safeParse(query)
  if (read.success) return read.data
  throw invalid(issuesOf(read.error, ''))
}
