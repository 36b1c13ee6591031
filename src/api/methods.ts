import type { FastifyInstance, HTTPMethods } from 'fastify'

const METHODS: readonly HTTPMethods[] = ['GET', 'HEAD', 'POST', 'PUT', 'PATCH', 'DELETE']

/**
 * Answers a path that does not exist with 404, and a method that a path does not have with 405 and those that
 * it has (RFC 9110, section 15.5.6).
 */
export function refuseUnknownRoutes(app: FastifyInstance): void {
  // Before a body is read: nobody will look at it. After the hooks that say who may come in.
  app.addHook('preParsing', (request, reply, payload, done) => {
    if (!request.is404) return done(null, payload)
    const url = request.url.replace(/[?#].*$/s, '').replace(/(?<=.)\/$/, '')
    const allowed = METHODS.filter((method) => app.hasRoute({ method, url }))
    if (allowed.length === 0) return void reply.code(404).send({ detail: 'Not Found' })
    reply.code(405).header('allow', allowed.join(', ')).send({ detail: 'Method Not Allowed' })
  })
}
