import type { FastifyInstance, FastifyReply, FastifyRequest } from 'fastify'
import { Refused } from '../refused.ts'
import { relayToPort } from '../v1/relay.ts'
import type { OpenTerminal } from './door.ts'
import { personOf } from './workplaces.ts'

const METHODS = ['GET', 'HEAD', 'POST', 'PUT', 'PATCH', 'DELETE', 'OPTIONS'] as const

/** Adds `/proxy/{port}/…`: servers in the session of a chat, over HTTP and WebSockets. */
export async function openTerminalPorts(
  app: FastifyInstance,
  { at, door }: { readonly at: string; readonly door: OpenTerminal },
): Promise<void> {
  app.removeAllContentTypeParsers()
  // The server inside judges what it is sent; nothing of it is held here.
  const bodyLimit = Number.MAX_SAFE_INTEGER
  app.addContentTypeParser('*', { bodyLimit }, (_request, payload, done) => done(null, payload))
  const to = async (request: FastifyRequest, reply: FastifyReply) => {
    const { port: text } = request.params as { port: string }
    const port = /^\d{1,5}$/.test(text) ? Number(text) : 0
    if (port < 1 || port > 65_535) throw new Refused(422, 'Port must be between 1 and 65535')
    const place = door.places.find(personOf(request))
    if (!place) throw new Refused(404, 'Port not found')
    const prefix = `${at}/proxy/${text}`
    const rest = (request.raw.url ?? '').replace(/^\/+open-terminal\/proxy\/[^/?#]*/, '')
    const path = rest.startsWith('/') ? rest : `/${rest}`
    const { caller } = request
    const use = () => door.sessions.use(caller, place.session).then((used) => used ?? gone())
    return relayToPort(door, { port, prefix, isSigned: false }, path, request, reply, use)
  }
  for (const url of [`${at}/proxy/:port`, `${at}/proxy/:port/*`]) {
    app.route({
      method: [...METHODS],
      url,
      bodyLimit,
      // The library would take what a WebSocket says itself; here it goes to the server inside.
      preHandler: async (request, reply) => {
        if (request.ws) await to(request, reply)
      },
      handler: (request, reply) => to(request, reply),
    })
  }
}

function gone(): never {
  throw new Refused(404, 'Port not found')
}
