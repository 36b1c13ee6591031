import type { FastifyInstance, FastifyReply, FastifyRequest } from 'fastify'
import type { SessionInfo } from '../../../sessions/types.ts'
import { Refused } from '../../refused.ts'
import type { E2bContext } from '../context.ts'
import { send } from '../failures.ts'
import { sessionIdOf } from '../ids.ts'
import { goneOf } from '../sandbox-call.ts'
import { Creation, idempotencyOf, sandboxIn } from './create.ts'
import { listQueryOf, pageOf } from './list.ts'
import { type Sandbox, toldAccess, toldDetail, toldListed } from './present.ts'
import { readBody } from './read.ts'
import {
  connectRequest,
  DEFAULT_TIMEOUT_S,
  newSandbox,
  pauseRequest,
  refreshRequest,
  timeoutRequest,
} from './schema.ts'

const RATED = { config: { rateLimit: {} } }

/** Adds the routes that make, tell, change and end sandboxes. */
export function addSandboxesRoutes(app: FastifyInstance, context: E2bContext): void {
  const { sessions, domain } = context
  const creation = new Creation(context)
  const create = async (request: FastifyRequest, reply: FastifyReply) => {
    const asked = readBody(request, newSandbox)
    const idempotency = idempotencyOf(request.headers['idempotency-key'], asked)
    const sandbox = await creation.create(request.caller, asked, idempotency)
    return send(reply, 201, toldAccess(sandbox, domain))
  }
  const found = (request: FastifyRequest) => sandboxOfPath(context, request)
  /** Its time is as long, from now, as is asked for; at least if it shall not become shorter. */
  const prolong = ({ info }: Sandbox, caller: string, seconds: number): SessionInfo => {
    const isLonger = info.isPaused || Date.now() + seconds * 1000 > info.expiresAtMs
    return (isLonger && sessions.setTtl(caller, info.id, seconds * 1000)) || info
  }
  const wake = async (request: FastifyRequest, sandbox: Sandbox, seconds: number) => {
    const { info, note } = sandbox
    prolong(sandbox, request.caller, seconds)
    const woken = await sessions.resume(request.caller, info.id).catch((error: Error) => {
      throw goneOf(error, idIn(request))
    })
    if (!woken) throw noSandbox(idIn(request))
    return toldAccess({ info: woken, note }, domain)
  }
  const connect = async (request: FastifyRequest, reply: FastifyReply) => {
    const { timeout = DEFAULT_TIMEOUT_S } = readBody(request, connectRequest)
    const sandbox = found(request)
    if (sandbox.info.isPaused) return send(reply, 201, await wake(request, sandbox, timeout))
    prolong(sandbox, request.caller, timeout)
    return send(reply, 200, toldAccess(sandbox, domain))
  }

  for (const version of ['', '/v2']) {
    app.post(`${version}/sandboxes`, RATED, create)
    app.post(`${version}/sandboxes/:id/connect`, connect)
    app.get(`${version}/sandboxes`, async (request, reply) => {
      const all = sessions.list(request.caller).flatMap((info) => sandboxIn(info) ?? [])
      const { page, next } = pageOf(all, listQueryOf(request))
      if (next !== null) reply.header('x-next-token', next)
      return send(reply, 200, page.map(toldListed))
    })
  }
  app.get('/sandboxes/:id', async (request, reply) => {
    return send(reply, 200, toldDetail(found(request), domain))
  })
  app.delete('/sandboxes/:id', async (request, reply) => {
    const id = sessionIdOf(idIn(request))
    const isThere = id !== null && sandboxIn(sessions.get(request.caller, id)) !== null
    if (!isThere || !(await sessions.kill(request.caller, id))) throw noSandbox(idIn(request))
    return reply.code(204).send()
  })
  app.post('/sandboxes/:id/timeout', async (request, reply) => {
    const { timeout } = readBody(request, timeoutRequest)
    sessions.setTtl(request.caller, found(request).info.id, timeout * 1000)
    return reply.code(204).send()
  })
  app.post('/sandboxes/:id/refreshes', async (request, reply) => {
    const { duration = DEFAULT_TIMEOUT_S } = readBody(request, refreshRequest)
    prolong(found(request), request.caller, duration)
    return reply.code(204).send()
  })
  app.post('/sandboxes/:id/resume', async (request, reply) => {
    const { timeout = DEFAULT_TIMEOUT_S } = readBody(request, connectRequest)
    const sandbox = found(request)
    if (!sandbox.info.isPaused) throw new Refused(409, 'The sandbox is running already')
    return send(reply, 201, await wake(request, sandbox, timeout))
  })
  app.post('/sandboxes/:id/pause', async (request, reply) => {
    readBody(request, pauseRequest)
    const { info } = found(request)
    if (info.isPaused) throw new Refused(409, 'The sandbox is paused already')
    const paused = await sessions.pause(request.caller, info.id)
    if (!paused?.isPaused) throw new Refused(503, 'The sandbox could not be written to disk.')
    return reply.code(204).send()
  })
}

/**
 * Finds the sandbox in the path of a request.
 * @throws Refused 404
 */
export function sandboxOfPath({ sessions }: E2bContext, request: FastifyRequest): Sandbox {
  const id = sessionIdOf(idIn(request))
  const sandbox = id === null ? null : sandboxIn(sessions.get(request.caller, id))
  if (!sandbox) throw noSandbox(idIn(request))
  return sandbox
}

function idIn({ params }: FastifyRequest): string {
  return (params as { id: string }).id
}

function noSandbox(id: string): Refused {
  return new Refused(404, `sandbox "${id.slice(0, 64)}" not found`)
}
