import type { FastifyInstance, FastifyReply, FastifyRequest } from 'fastify'
import { Refused } from '../refused.ts'
import type { PortPlace } from './port-headers.ts'
import { invalid } from './problems.ts'
import { relayToPort } from './relay.ts'
import { type SessionRequest, take } from './session-call.ts'
import type { FileKeepers } from './session-files-routes.ts'

const TOKEN = /^([\w-]{1,64})\.(\d{1,5})\.(\d{1,16})\.([\w-]{43})$/
const OUR_PART = /^\/+v1\/(?:sessions\/[^/]*\/)?ports\/[^/?#]*/
const METHODS = ['GET', 'HEAD', 'POST', 'PUT', 'PATCH', 'DELETE', 'OPTIONS'] as const

/** What a token in an address says. */
function tokenIn(request: FastifyRequest) {
  const { token = '' } = request.params as { token?: string }
  const [, session, port, expires, signature] = TOKEN.exec(token) ?? []
  if (!session || !port || !expires || !signature) {
    throw new Refused(403, 'The signed URL is not valid, or has expired.')
  }
  return { session, port: Number(port), expiresAtMs: Number(expires), signature }
}

/**
 * Adds `/v1/sessions/{id}/ports/{port}/…` with a key, and `/v1/ports/{token}/…` by a signed address: HTTP and WebSockets of
 * servers inside of sessions. Only ports of the sandbox's own loopback are reached. It needs `@fastify/websocket`.
 */
export async function sessionPorts(app: FastifyInstance, keepers: FileKeepers): Promise<void> {
  app.removeAllContentTypeParsers()
  // The server inside judges what it is sent; nothing of it is held here.
  const bodyLimit = Number.MAX_SAFE_INTEGER
  app.addContentTypeParser('*', { bodyLimit }, (_request, payload, done) => done(null, payload))
  const signed = (request: FastifyRequest) => {
    const { session, port, expiresAtMs, signature } = tokenIn(request)
    return keepers.grants.callerOf({ session, what: `port ${port}`, expiresAtMs }, signature)
  }
  for (const url of ['/v1/sessions/:id/ports/:port', '/v1/ports/:token']) {
    const isSigned = url.endsWith('token')
    const config = isSigned ? { signed } : {}
    const to = async (request: FastifyRequest, reply: FastifyReply) => {
      const place = placeOf(request, isSigned)
      if (pathIn(request) !== '') {
        if (isSigned && isPreflight(request)) return answerPreflight(request, reply)
        const params = { ...(request.params as object), id: place.id }
        const { caller } = request
        const use = () => take(keepers.sessions, { caller, params } as SessionRequest)
        return relayToPort(keepers, place, pathIn(request), request, reply, use)
      }
      // A page's own links are from its folder.
      return reply.redirect(`${place.prefix}/${request.url.replace(/^[^?]*/, '')}`, 308)
    }
    for (const path of [url, `${url}/*`]) {
      app.route({
        method: [...METHODS],
        url: path,
        bodyLimit,
        config,
        // The library would take what a WebSocket says itself; here it goes to the server inside.
        preHandler: async (request, reply) => {
          if (request.ws) await to(request, reply)
        },
        handler: to,
      })
    }
  }
}

/** What is behind the port in the address, with the query. */
function pathIn({ raw }: FastifyRequest): string {
  const path = (raw.url ?? '').replace(OUR_PART, '')
  return path.startsWith('/') ? path : ''
}

function placeOf(request: FastifyRequest, isSigned: boolean): PortPlace & { id: string } {
  const params = request.params as { id?: string; port?: string; token?: string }
  if (isSigned) {
    const { session, port } = tokenIn(request)
    return { id: session, port, prefix: `/v1/ports/${params.token}`, isSigned }
  }
  const { id = '', port: text = '' } = params
  const port = /^\d{1,5}$/.test(text) ? Number(text) : 0
  if (port >= 1 && port <= 65_535) {
    return { id, port, prefix: `/v1/sessions/${id}/ports/${port}`, isSigned }
  }
  throw invalid([{ pointer: '', detail: 'The port must be a number from 1 to 65535.' }])
}

function isPreflight({ method, headers }: FastifyRequest): boolean {
  return method === 'OPTIONS' && headers['access-control-request-method'] !== undefined
}

/** Pages of the server have an origin of their own, so that their browser asks before they may ask the server. */
function answerPreflight({ headers }: FastifyRequest, reply: FastifyReply): FastifyReply {
  return reply
    .headers({
      'access-control-allow-origin': '*',
      'access-control-allow-methods': METHODS.join(', '),
      'access-control-allow-headers': headers['access-control-request-headers'] ?? '*',
      'access-control-max-age': '600',
    })
    .code(204)
    .send()
}
