import type { FastifyReply, FastifyRequest } from 'fastify'
import { answerTo } from '../one-run.ts'

/** Answers a request that failed in the words of Piston: `{message}`. */
export function sendFailure(
  error: Error & { statusCode?: number },
  request: FastifyRequest,
  reply: FastifyReply,
): FastifyReply {
  const { status, message, retryAfterS } = answerTo(error)
  if (status === 500) request.log.error({ err: error }, 'request failed')
  if (retryAfterS !== null) reply.header('retry-after', retryAfterS)
  const said = status === 415 ? 'requests must be of type application/json' : message
  return reply
    .code(status)
    .type('application/json; charset=utf-8')
    .send(JSON.stringify({ message: said }))
}
