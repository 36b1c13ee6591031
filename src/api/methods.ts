import type { FastifyInstance, FastifyReply, FastifyRequest } from 'fastify'
import { Refused } from './refused.ts'
import type { Body } from './uploads.ts'

/**
 * Refuses a method that a path does not have with 405, and names those that it has (RFC 9110, section 15.5.6). To
 * be called before routes are added.
 */
export function refuseOtherMethods(app: FastifyInstance): void {
  const routes: { address: RegExp; methods: readonly string[] }[] = []
  app.addHook('onRoute', ({ url, method }) => {
    const pattern = url.replace(/:[^/]+/g, '[^/]+').replaceAll('*', '.*')
    routes.push({ address: new RegExp(`^${pattern}/?$`), methods: [method].flat() })
  })
  // Before a body is read: nobody will look at it. After the hooks that say who may come in.
  app.addHook('preParsing', (request, reply, payload, done) => {
    const path = request.url.replace(/[?#].*$/s, '')
    // The native API answers in a form of its own.
    if (!request.is404 || /^\/v1\/(?!sandbox\/)/.test(path)) return done(null, payload)
    const allowed = routes.flatMap(({ address, methods }) => (address.test(path) ? methods : []))
    // An address that takes this method has an empty part.
    if (allowed.length === 0 || allowed.includes(request.method)) return done(null, payload)
    reply.header('allow', [...new Set(allowed)].sort().join(', '))
    done(new Refused(405, 'Method Not Allowed'))
  })
}

/** Answers a failed request in the words of a front door. */
export type SendFailure = (
  error: Error,
  request: FastifyRequest,
  reply: FastifyReply,
) => FastifyReply

/**
 * Answers what no route of a front door takes in its own words, and not in those of the whole service.
 * @param prefixes of the door's addresses
 */
export async function refuseUnknownPaths(
  app: FastifyInstance,
  prefixes: readonly string[],
  send: SendFailure,
): Promise<void> {
  for (const prefix of prefixes) {
    await app.register(
      async (below) => {
        below.setNotFoundHandler((request, reply) => {
          const body = request.body as Body | null | undefined
          body?.entry.release()
          return send(new Refused(404, 'Not Found'), request, reply)
        })
      },
      { prefix },
    )
  }
}
