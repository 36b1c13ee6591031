import type { FastifyInstance, FastifyReply, FastifyRequest } from 'fastify'
import { Problem } from '../v1/problems.ts'
import { relayToPort } from '../v1/relay.ts'
import type { E2bContext } from './context.ts'
import { ClosedPort } from './failures.ts'
import { sandboxOf } from './sandbox-call.ts'
import { PORT_PATH, placeIn } from './sandbox-place.ts'

const METHODS = ['GET', 'HEAD', 'POST', 'PUT', 'PATCH', 'DELETE', 'OPTIONS'] as const

/**
 * Adds the ports of servers inside of sandboxes, HTTP and WebSockets: what takePlace() has put behind PORT_PATH. A Fastify
 * plugin. It needs `@fastify/websocket`.
 */
export async function sandboxPorts(app: FastifyInstance, context: E2bContext): Promise<void> {
  app.removeAllContentTypeParsers()
  // The server inside judges what it is sent; nothing of it is held here.
  const bodyLimit = Number.MAX_SAFE_INTEGER
  app.addContentTypeParser('*', { bodyLimit }, (_request, payload, done) => done(null, payload))
  const to = (request: FastifyRequest, reply: FastifyReply) => relay(context, request, reply)
  for (const url of [PORT_PATH, `${PORT_PATH}/*`]) {
    app.route({
      method: [...METHODS],
      url,
      bodyLimit,
      config: { sandbox: 'port' },
      // The library would take what a WebSocket says itself; here it goes to the server inside.
      preHandler: async (request, reply) => {
        if (request.ws) await to(request, reply)
      },
      handler: to,
    })
  }
}

async function relay(
  context: E2bContext,
  request: FastifyRequest,
  reply: FastifyReply,
): Promise<FastifyReply> {
  const { port, sandboxId, note, use } = await sandboxOf(request)
  const isOwnHost = placeIn(request.raw)?.isHost ?? false
  const hostSeen = note.hostMask?.replace(/\$\{PORT\}/g, String(port))
  const place = { port, prefix: '', isSigned: true, isOwnHost, isSandbox: true, hostSeen }
  const path = (request.raw.url ?? '').slice(PORT_PATH.length)
  return relayToPort(context, place, path, request, reply, use).catch((error: Error) => {
    const isClosed = error instanceof Problem && error.problem === 'bad-gateway'
    throw isClosed ? new ClosedPort(sandboxId, port) : error
  })
}
