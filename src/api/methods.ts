import type { FastifyInstance, HTTPMethods } from 'fastify'
import { Refused } from './refused.ts'

const METHODS: readonly HTTPMethods[] = ['GET', 'HEAD', 'POST', 'PUT', 'PATCH', 'DELETE']

/**
 * Refuses a method that a path does not have with 405, and names those that it has (RFC 9110, section 15.5.6).
 */
export function refuseOtherMethods(app: FastifyInstance): void {
  // Before a body is read: nobody will look at it. After the hooks that say who may come in.
  app.addHook('preParsing', (request, reply, payload, done) => {
    // The native API answers in a form of its own.
    if (!request.is404 || request.url.startsWith('/v1/')) return done(null, payload)
    const url = request.url.replace(/[?#].*$/s, '').replace(/(?<=.)\/$/, '')
    const allowed = METHODS.filter((method) => app.hasRoute({ method, url }))
    if (allowed.length === 0) return done(null, payload)
    reply.header('allow', allowed.join(', '))
    done(new Refused(405, 'Method Not Allowed'))
  })
}
