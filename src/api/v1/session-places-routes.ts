import type { FastifyInstance, FastifyReply } from 'fastify'
import { SessionFiles } from '../../sessions/files.ts'
import type { Sessions } from '../../sessions/types.ts'
import { runCallerOf } from '../run-caller.ts'
import type { Keepers } from './call.ts'
import { pathFrom, readJson, type SessionRequest, sessionProblem, take } from './session-call.ts'
import { folderRequest, moveRequest } from './session-schema.ts'

/** Adds `/v1/sessions/{id}/folders` and `…/moves`: makes folders and renames what is there. */
export function addSessionPlacesRoutes(
  app: FastifyInstance,
  sessions: Sessions,
  { connections }: Keepers,
): void {
  const work = async (
    request: SessionRequest,
    reply: FastifyReply,
    does: (files: SessionFiles) => Promise<void>,
  ) => {
    connections.work(request.raw.socket, null)
    const use = await take(sessions, request)
    const caller = runCallerOf(request, reply, null)
    try {
      await does(new SessionFiles(use.channels, caller.signal))
      return reply.code(204).send()
    } catch (error) {
      throw sessionProblem(error as Error)
    } finally {
      use.release()
      caller.done()
    }
  }
  app.post('/v1/sessions/:id/folders', async (request: SessionRequest, reply) => {
    const { path } = readJson(request, folderRequest)
    return work(request, reply, (files) => files.make(pathFrom(path)))
  })
  app.post('/v1/sessions/:id/moves', async (request: SessionRequest, reply) => {
    const { from, to } = readJson(request, moveRequest)
    return work(request, reply, (files) => files.move(pathFrom(from), pathFrom(to)))
  })
}
