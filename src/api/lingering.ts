import type { IncomingMessage } from 'node:http'
import { Readable } from 'node:stream'
import type { FastifyInstance } from 'fastify'
import { asksFirst } from './server.ts'
import { readByTurns, type SlowLane } from './slow-lane.ts'

/** What a refused caller may go on to send, and for how long, until its connection is closed. */
const MOST_BYTES = 32 * 1024 ** 2
const MOST_MS = 10_000
/** Bodies up to this have often come by the time of the answer; the connection may stay then. */
const SMALL_BYTES = 64 * 1024

/**
 * Has answers reach callers whose body was not read to its end, because it was refused. The answer goes out
 * at once, and the rest of the body is read and thrown away before the connection is closed: a connection
 * that is closed with bytes unread is reset, and the caller loses the answer (RFC 9112, section 9.6).
 */
export function lingerOnRefusal(app: FastifyInstance, lane: SlowLane): void {
  app.addHook('onSend', (request, reply, payload, done) => {
    const { raw } = request
    if (raw.complete || !hasBody(raw)) return done(null, payload)
    const linger = () => {
      if (raw.complete) return done(null, payload)
      const text = typeof payload === 'string' ? payload : ''
      reply.header('connection', 'close').header('content-length', Buffer.byteLength(text))
      done(null, Readable.from(answerAndRest(raw, text, lane), { objectMode: false }))
    }
    if (Number(raw.headers['content-length']) <= SMALL_BYTES) setImmediate(linger)
    else linger()
  })
}

function hasBody({ headers }: IncomingMessage): boolean {
  return (
    headers['transfer-encoding'] !== undefined ||
    (headers['content-length'] !== undefined && headers['content-length'] !== '0')
  )
}

async function* answerAndRest(request: IncomingMessage, answer: string, lane: SlowLane) {
  yield answer
  await new Promise<void>((resolve) => {
    let bytes = 0
    const timer = setTimeout(resolve, MOST_MS)
    const end = () => {
      clearTimeout(timer)
      resolve()
    }
    request.on('end', end)
    request.on('close', end)
    if (request.destroyed || request.complete || asksFirst(request)) end()
    else {
      readByTurns(request, lane, true, (chunk) => {
        bytes += chunk.length
        if (bytes > MOST_BYTES) end()
        return bytes <= MOST_BYTES
      })
    }
  })
}
