import type { FastifyInstance } from 'fastify'
import type { ContextInfo } from '../../sessions/context-types.ts'
import type { Contexts } from '../../sessions/contexts.ts'
import type { Sessions, SessionUse } from '../../sessions/types.ts'
import { noSession, readJson, type SessionRequest, take } from './session-call.ts'
import { contextProblem } from './sessions-contexts-call.ts'
import { toldContext } from './sessions-contexts-present.ts'
import { contextRequest } from './sessions-contexts-schema.ts'

type Params = { Params: { id: string; context: string } }

/** Adds `/v1/sessions/{id}/contexts`: makes, tells, interrupts, restarts and removes the contexts of a session. */
export function addContextRoutes(app: FastifyInstance, sessions: Sessions): void {
  const url = '/v1/sessions/:id/contexts'
  const one = `${url}/:context`
  /** Does what needs no sandbox. */
  const inContexts = <T>(caller: string, id: string, work: (contexts: Contexts) => T): T => {
    const contexts = sessions.contexts(caller, id)
    if (!contexts) throw noSession(id)
    try {
      return work(contexts)
    } catch (error) {
      throw contextProblem(error as Error)
    }
  }
  /** Does what needs it. */
  const inUse = async <T>(
    request: SessionRequest,
    work: (use: SessionUse) => T | Promise<T>,
  ): Promise<T> => {
    const use = await take(sessions, request)
    try {
      return await work(use)
    } catch (error) {
      throw contextProblem(error as Error)
    } finally {
      use.release()
    }
  }
  const tell = (info: ContextInfo) => toldContext(info)

  app.post<Params>(url, async (request, reply) => {
    const asked = readJson(request, contextRequest)
    const { id } = request.params
    const info = inContexts(request.caller, id, (contexts) => contexts.create(asked))
    reply.header('location', `/v1/sessions/${id}/contexts/${info.id}`)
    return reply.code(201).send(tell(info))
  })
  app.get<Params>(url, async ({ caller, params: { id } }) =>
    inContexts(caller, id, (contexts) => ({ contexts: contexts.list().map(tell) })),
  )
  app.get<Params>(one, async ({ caller, params: { id, context } }) =>
    inContexts(caller, id, (contexts) => tell(contexts.get(context))),
  )
  app.delete<Params>(one, async (request, reply) => {
    const { context } = request.params
    await inUse(request, (use) => use.contexts.remove(context, use))
    return reply.code(204).send()
  })
  app.post<Params>(`${one}/interrupt`, async (request) => {
    const { context } = request.params
    return inUse(request, (use) => ({ interrupted: use.contexts.interrupt(context, use) }))
  })
  app.post<Params>(`${one}/restart`, async (request) => {
    const { context } = request.params
    return inUse(request, async (use) => tell(await use.contexts.restart(context, use)))
  })
}
