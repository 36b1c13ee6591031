import type { FastifyInstance } from 'fastify'
import type { Sessions } from '../../sessions/types.ts'
import { noSession, readJson, sessionProblem, toldSession } from './session-call.ts'
import { createSession } from './session-create.ts'
import { resumeRequest, ttlRequest } from './session-schema.ts'

type Params = { Params: { id: string } }

/** Adds `/v1/sessions`: makes, tells, changes and ends sessions, and runs commands in them. */
export function addSessionsRoutes(app: FastifyInstance, sessions: Sessions): void {
  app.post('/v1/sessions', { config: { rateLimit: {} } }, async (request, reply) => {
    const info = await createSession(sessions, request)
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
    const { id } = request.params
    const { from } = readJson(request, resumeRequest)
    const resumed =
      from === 'checkpoint'
        ? sessions.recover(request.caller, id)
        : sessions.resume(request.caller, id)
    const info = await resumed.catch((error: Error) => {
      throw sessionProblem(error)
    })
    if (!info) throw noSession(id)
    return toldSession(info)
  })
}
