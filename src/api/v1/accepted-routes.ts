import type { FastifyInstance, FastifyReply, FastifyRequest } from 'fastify'
import type { Jobs, RunInfo } from '../../jobs/jobs.ts'
import { unreadAnswers } from '../refused.ts'
import { untilEnded } from './accept.ts'
import type { Keepers } from './call.ts'
import { preferencesOf } from './prefer.ts'
import { invalid, Problem } from './problems.ts'
import { sendPieces, statePieces, summaryOf } from './stored.ts'
import { streamStored } from './stored-events.ts'

const MOST_LISTED = 100
const EVENT_STREAM = 'text/event-stream; charset=utf-8'

type RunParams = { Params: { id: string } }

/** Adds the routes of accepted runs, each for its owner alone: state, events, files, cancel. */
export function addAcceptedRoutes(app: FastifyInstance, jobs: Jobs, keepers: Keepers): void {
  const { answers, connections } = keepers

  /** @throws Problem if the run does not exist or belongs to another caller */
  const find = async ({ caller, params }: FastifyRequest<RunParams>): Promise<RunInfo> => {
    const run = await jobs.find(caller, params.id)
    if (run) return run
    throw notFound()
  }
  const begin = ({ caller, raw }: FastifyRequest) => {
    connections.work(raw.socket, null)
    if (!answers.hasRoomFor(caller)) throw unreadAnswers()
  }

  app.get<{ Querystring: Record<string, unknown> }>('/v1/runs', async (request) => {
    const { limit, before = null } = request.query
    const most = numberOf(limit ?? 20, 'limit', 1, MOST_LISTED)
    if (before !== null && typeof before !== 'string')
      throw wrongParameter('before', 'an id of a run')
    const runs = await jobs.list(request.caller, before, most + 1)
    const page = runs.slice(0, most)
    return {
      runs: page.map(summaryOf),
      next: runs.length > most ? (page.at(-1)?.id ?? null) : null,
    }
  })

  app.get<RunParams>('/v1/runs/:id', async (request, reply) => {
    begin(request)
    const run = await ended(await find(request), jobs, request, reply)
    reply.type('application/json; charset=utf-8')
    return sendPieces(reply, request.caller, answers, statePieces(run, jobs, request.id))
  })

  app.delete<RunParams>('/v1/runs/:id', async (request, reply) => {
    begin(request)
    const { state } = await find(request)
    if (state === 'ended') {
      await jobs.remove(request.caller, request.params.id)
      return reply.code(204).send()
    }
    const run = await jobs.cancel(request.caller, request.params.id)
    if (!run) throw notFound()
    reply.type('application/json; charset=utf-8')
    return sendPieces(reply, request.caller, answers, statePieces(run, jobs, request.id))
  })

  app.get<RunParams & { Querystring: Record<string, unknown> }>(
    '/v1/runs/:id/events',
    async (request, reply) => {
      begin(request)
      const after = lastSeen(request)
      const run = await find(request)
      // https://html.spec.whatwg.org/#sse-processing-model: with 204 a browser asks no more.
      if (run.state === 'ended' && after > run.events) return reply.code(204).send()
      // The head alone must not wait for the end of the run.
      if (request.method === 'HEAD') return reply.type(EVENT_STREAM).send()
      // What it claims to have seen and nobody has told does not count: numbers go on from what there is.
      const seen = Math.min(after, run.events)
      return streamStored(run, seen, 'url', jobs, request, reply, answers)
    },
  )

  app.get<{ Params: { id: string; '*': string } }>(
    '/v1/runs/:id/files/*',
    async (request, reply) => {
      begin(request)
      const { id, '*': name } = request.params
      const file = await jobs.file(request.caller, id, name)
      const run = file && (await jobs.find(request.caller, id))
      if (!file || run?.state !== 'ended') throw notFound()
      reply
        .type(file.mediaType ?? 'application/octet-stream')
        .header('content-length', file.size)
        .header('cache-control', 'private, no-store')
        // A program made it: in a browser it must not pass for a page of ours.
        .header('content-disposition', 'attachment')
        .header('x-content-type-options', 'nosniff')
        .header('content-security-policy', "sandbox; default-src 'none'")
      return sendPieces(reply, request.caller, answers, file.read())
    },
  )
}

/** With `Prefer: wait=SECONDS` the answer comes when the run has ended, or after that time. */
async function ended(
  run: RunInfo,
  jobs: Jobs,
  request: FastifyRequest,
  reply: FastifyReply,
): Promise<RunInfo> {
  const { waitMs } = preferencesOf(request)
  if (waitMs === 0 || run.state === 'ended') return run
  const over = new AbortController()
  const timer = setTimeout(() => over.abort(), waitMs)
  reply.raw.once('close', () => over.abort())
  const then = await untilEnded(run, jobs, over.signal).finally(() => clearTimeout(timer))
  return then ?? (await jobs.find(run.owner, run.id)) ?? run
}

function lastSeen({ headers, query }: FastifyRequest<{ Querystring: Record<string, unknown> }>) {
  const header = headers['last-event-id']
  if (header !== undefined && header !== '') {
    return numberOf(header, 'Last-Event-ID', 0, Number.MAX_SAFE_INTEGER)
  }
  return numberOf(query.after ?? 0, 'after', 0, Number.MAX_SAFE_INTEGER)
}

function numberOf(given: unknown, name: string, least: number, most: number): number {
  const value = /^\d{1,16}$/.test(String(given)) ? Number(given) : Number.NaN
  if (value >= least && value <= most) return value
  throw wrongParameter(name, `a whole number from ${least} on${most > 1e6 ? '' : ` to ${most}`}`)
}

function wrongParameter(name: string, expected: string): Problem {
  return invalid([{ pointer: '', detail: `${name} must be ${expected}.` }])
}

function notFound(): Problem {
  return new Problem('not-found', 'There is no such run or file of this caller.')
}
