import type { IncomingMessage } from 'node:http'
import { Readable } from 'node:stream'
import type { FastifyInstance } from 'fastify'
import { asksFirst } from './server.ts'
import { readByTurns, type SlowLane } from './slow-lane.ts'

/** How much a refused caller may still send, and for how long, before its connection is closed. */
const MOST_BYTES = 32 * 1024 ** 2
const MOST_MS = 10_000
/** Bodies up to this size have often arrived when the answer is sent. Then the connection stays open. */
const SMALL_BYTES = 64 * 1024

/**
 * Makes sure that callers get the answer when their body was refused before its end. The answer is sent at once, and
 * the rest of the body is read and dropped before the connection is closed. A connection that is closed with bytes
 * unread is reset, and then the caller loses the answer (RFC 9112, section 9.6).
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
