import type { Readable } from 'node:stream'
import type { FastifyInstance, FastifyReply, FastifyRequest } from 'fastify'
import { ChannelError } from '../../sessions/errors.ts'
import { Refused, unreadAnswers } from '../refused.ts'
import { runCallerOf } from '../run-caller.ts'
import { giveLeave } from '../server.ts'
import { headOf } from '../websockets.ts'
import { headersToPort, type PortPlace } from './port-headers.ts'
import { answer, ask, carry, PortError } from './port-relay.ts'
import { invalid, Problem } from './problems.ts'
import { type SessionRequest, sessionProblem, take } from './session-call.ts'
import type { FileKeepers } from './session-files-routes.ts'

/** What a connection may hold here on its way, both ways. */
const STREAM_BYTES = 1024 * 1024
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
      if (pathIn(request) !== '') return relay(keepers, place, request, reply)
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

async function relay(
  { sessions, connections, answers, stopping }: FileKeepers,
  place: PortPlace & { id: string },
  request: FastifyRequest,
  reply: FastifyReply,
): Promise<FastifyReply> {
  const { raw, caller } = request
  if (place.isSigned && isPreflight(request)) return answerPreflight(request, reply)
  connections.work(raw.socket, null)
  if (!answers.hasRoomFor(caller)) throw unreadAnswers()
  const drop = answers.keep(caller, STREAM_BYTES, () => raw.socket.destroy())
  const watched = runCallerOf(request, reply, null)
  const signal = AbortSignal.any([watched.signal, stopping])
  const params = { ...(request.params as object), id: place.id }
  try {
    const use = await take(sessions, { caller, params } as SessionRequest)
    const connection = await use.channels.connect(place.port).catch((error: Error) => {
      use.release()
      throw refusedBy(error, place.port)
    })
    // The session is in use for as long as the connection is.
    connection.once('close', () => use.release())
    const asked = askedOf(request, place)
    giveLeave(raw)
    const answered = await ask(connection, asked, signal).catch((error: Error) => {
      connection.destroy()
      throw error instanceof PortError ? noAnswer(place.port, error.message) : error
    })
    const isUpgraded = 'upgraded' in answered
    if (isUpgraded && !request.ws) {
      connection.destroy()
      throw noAnswer(place.port, 'it changes the protocol unasked')
    }
    reply.hijack()
    if (isUpgraded) await carry(answered, raw.socket, headOf(raw), signal)
    else await answer(answered, reply.raw, place)
    connection.destroy()
    return reply
  } finally {
    drop()
    watched.done()
  }
}

function askedOf(request: FastifyRequest, place: PortPlace) {
  const { method } = request
  const headers = headersToPort(request.headers, place, {
    host: request.host,
    protocol: request.protocol,
  })
  const body = (request.body ?? null) as Readable | null
  if (!body) delete headers['content-length']
  if (request.ws) Object.assign(headers, { connection: 'Upgrade', upgrade: 'websocket' })
  return { method, path: pathIn(request), headers, body }
}

function refusedBy(error: Error, port: number): Error {
  const isRefused = error instanceof ChannelError && error.errno === ECONNREFUSED
  return isRefused ? noAnswer(port, 'nothing listens there') : sessionProblem(error)
}

const ECONNREFUSED = 111

function noAnswer(port: number, why: string): Problem {
  return new Problem('bad-gateway', `The session has no answer on port ${port}: ${why}.`)
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
