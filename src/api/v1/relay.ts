import type { Readable } from 'node:stream'
import type { FastifyReply, FastifyRequest } from 'fastify'
import { ChannelError } from '../../sessions/errors.ts'
import type { SessionUse } from '../../sessions/types.ts'
import type { Answers } from '../answers.ts'
import type { Connections } from '../connections.ts'
import { unreadAnswers } from '../refused.ts'
import { runCallerOf } from '../run-caller.ts'
import { giveLeave } from '../server.ts'
import { headOf } from '../websockets.ts'
import { headersToPort, type PortPlace } from './port-headers.ts'
import { answer, ask, carry, PortError } from './port-relay.ts'
import { Problem } from './problems.ts'
import { sessionProblem } from './session-call.ts'

/** What a connection may hold here on its way, both ways. */
const STREAM_BYTES = 1024 * 1024

/** What a request to a port needs of the rest. */
export interface PortKeepers {
  readonly answers: Answers
  readonly connections: Connections
  readonly stopping: AbortSignal
}

/**
 * Has a server of a session answer a request.
 * @param path as the server shall see it, with the query
 * @param use takes the session into use
 * @throws Problem `bad-gateway`, Refused; what `use` throws
 */
export async function relayToPort(
  { connections, answers, stopping }: PortKeepers,
  place: PortPlace,
  path: string,
  request: FastifyRequest,
  reply: FastifyReply,
  use: () => Promise<SessionUse>,
): Promise<FastifyReply> {
  const { raw, caller } = request
  connections.work(raw.socket, null)
  if (!answers.hasRoomFor(caller)) throw unreadAnswers()
  const drop = answers.keep(caller, STREAM_BYTES, () => raw.socket.destroy())
  const watched = runCallerOf(request, reply, null)
  try {
    const used = await use()
    const signal = AbortSignal.any([watched.signal, stopping, used.ended])
    const connection = await used.channels.connect(place.port).catch((error: Error) => {
      used.release()
      throw refusedBy(error, place.port)
    })
    // The session is in use for as long as the connection is.
    connection.once('close', () => used.release())
    const asked = askedOf(request, place, path)
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

function askedOf(request: FastifyRequest, place: PortPlace, path: string) {
  const { method } = request
  const headers = headersToPort(request.headers, place, {
    host: request.host,
    protocol: request.protocol,
  })
  const body = (request.body ?? null) as Readable | null
  if (!body) delete headers['content-length']
  if (request.ws) Object.assign(headers, { connection: 'Upgrade', upgrade: 'websocket' })
  return { method, path, headers, body }
}

function refusedBy(error: Error, port: number): Error {
  const isRefused = error instanceof ChannelError && error.errno === ECONNREFUSED
  return isRefused ? noAnswer(port, 'nothing listens there') : sessionProblem(error)
}

const ECONNREFUSED = 111

function noAnswer(port: number, why: string): Problem {
  return new Problem('bad-gateway', `The session has no answer on port ${port}: ${why}.`)
}
