import type { FastifyReply, FastifyRequest } from 'fastify'
import { answerTo } from '../one-run.ts'

/** Answers a request that failed in the words of Jobe: a text, as JSON. */
export function sendFailure(
  error: Error & { statusCode?: number },
  request: FastifyRequest,
  reply: FastifyReply,
): FastifyReply {
  const { status, message, retryAfterS } = answerTo(error)
  if (status === 500) request.log.error({ err: error }, 'request failed')
  if (retryAfterS !== null) reply.header('retry-after', retryAfterS)
  return sendText(reply, status, message)
}

/** Sends a text in the form of Jobe. */
export function sendText(reply: FastifyReply, status: number, text: string): FastifyReply {
  return reply.code(status).type('application/json; charset=utf-8').send(JSON.stringify(text))
}
