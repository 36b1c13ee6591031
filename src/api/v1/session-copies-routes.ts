import type { FastifyInstance } from 'fastify'
import type { Sessions, SnapshotInfo } from '../../sessions/types.ts'
import { Problem } from './problems.ts'
import { noSession, readJson, sessionProblem, toldSession } from './session-call.ts'
import { forkRequest, type SnapshotAnswer } from './session-copies-schema.ts'

type Params = { Params: { id: string } }

/** Copies of sessions: `/v1/sessions/{id}/fork`, `/v1/sessions/{id}/snapshots` and `/v1/snapshots`. */
export function addSessionCopiesRoutes(app: FastifyInstance, sessions: Sessions): void {
  const fail = (error: Error) => {
    throw sessionProblem(error)
  }
  const config = { config: { rateLimit: {} } }
  app.post<Params>('/v1/sessions/:id/fork', config, async (request, reply) => {
    const { id } = request.params
    const { count } = readJson(request, forkRequest)
    const copies = await sessions.fork(request.caller, id, count).catch(fail)
    if (!copies) throw noSession(id)
    return reply.code(201).send({ sessions: copies.map(toldSession) })
  })
  app.post<Params>('/v1/sessions/:id/snapshots', config, async (request, reply) => {
    const { id } = request.params
    const made = await sessions.snapshot(request.caller, id).catch(fail)
    if (!made) throw noSession(id)
    reply.header('location', `/v1/snapshots/${made.id}`)
    return reply.code(201).send(toldSnapshot(made))
  })
  app.get('/v1/snapshots', async ({ caller }) => ({
    snapshots: sessions.snapshots(caller).map(toldSnapshot),
  }))
  app.delete<Params>('/v1/snapshots/:id', async ({ caller, params: { id } }, reply) => {
    if (!sessions.removeSnapshot(caller, id)) {
      throw new Problem('not-found', `This caller has no snapshot ${id.slice(0, 64)}.`)
    }
    return reply.code(204).send()
  })
}

function toldSnapshot({
  id,
  template,
  createdAtMs,
  bytes,
  metadata,
}: SnapshotInfo): SnapshotAnswer {
  const created_at = new Date(createdAtMs).toISOString()
  return { id, template, created_at, bytes, metadata: { ...metadata } }
}
