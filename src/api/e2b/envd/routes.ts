import type { FastifyInstance } from 'fastify'
import { Refused } from '../../refused.ts'
import type { E2bContext } from '../context.ts'
import { send } from '../failures.ts'
import { sandboxOf } from '../sandbox-call.ts'
import { HEALTH_PATH } from '../sandbox-place.ts'
import { MAX_MESSAGE_BYTES } from './connect/calls.ts'
import { sendRpcFailure } from './failures.ts'
import { addComposeRoute, fileContents } from './files-routes.ts'
import { addFilesystemRoutes } from './filesystem-routes.ts'
import { addProcessRoutes } from './process-routes.ts'

/** Adds what E2B's clients ask a sandbox for: files and processes. A Fastify plugin. */
export async function envd(app: FastifyInstance, context: E2bContext): Promise<void> {
  app.get(HEALTH_PATH, { config: { sandbox: 'health' } }, async (_request, reply) => {
    return reply.code(204).send()
  })
  app.get('/envs', { config: { sandbox: 'envd' } }, async (request, reply) => {
    const use = await (await sandboxOf(request)).use()
    use.release()
    return send(reply, 200, use.env)
  })
  addComposeRoute(app, context)
  await app.register(fileContents, context)
  await app.register(services, context)
}

/** The services that speak Connect (https://connectrpc.com/docs/protocol). */
async function services(app: FastifyInstance, context: E2bContext): Promise<void> {
  app.setErrorHandler(sendRpcFailure(context))
  app.addContentTypeParser('application/connect+json', (request, payload, done) => {
    if (request.routeOptions.config.isInput) return done(null, payload)
    const tooLarge = (bytes: number) =>
      bytes > 2 * MAX_MESSAGE_BYTES ? new Refused(413, 'The message is too large.') : null
    const refused = tooLarge(Number(request.headers['content-length'] ?? 0))
    if (refused) return done(refused)
    context.uploads.read(request.raw, request.caller, (error, body) => {
      // One that was compressed, or sent in chunks, has its size only now.
      const large = body ? tooLarge(body.bytes) : null
      if (large) body?.entry.release()
      if (error ?? large) return done(error ?? large)
      done(null, body)
    })
  })
  addProcessRoutes(app, context)
  addFilesystemRoutes(app, context)
}
