import type { FastifyInstance, FastifyReply } from 'fastify'
import { failureOf } from '../../failure.ts'
import type { E2bContext } from '../context.ts'
import { GoneSandbox, sendFailure } from '../failures.ts'
import { addContextsRoutes } from './contexts.ts'
import { execute } from './execute.ts'
import { clientError } from './failures.ts'

/**
 * Adds the code interpreter of sandboxes: `/execute`, which runs code and streams what comes of it, and `/contexts`. A
 * Fastify plugin. A context of E2B is one of the session.
 */
export async function interpreter(app: FastifyInstance, context: E2bContext): Promise<void> {
  // Clients show these bodies as they are.
  app.setErrorHandler((error: Error & { statusCode?: number }, request, reply): FastifyReply => {
    const known = clientError(error)
    if (known instanceof GoneSandbox) return sendFailure(known, request, reply)
    const { status, message, retryAfterS } = failureOf(known)
    if (status === 500) request.log.error({ err: error }, 'request failed')
    if (retryAfterS !== null) reply.header('retry-after', retryAfterS)
    return reply.code(status).type('text/plain; charset=utf-8').send(message)
  })
  app.post('/execute', { config: { sandbox: 'interpreter' } }, (request, reply) =>
    execute(request, reply, context),
  )
  addContextsRoutes(app, context)
}
