import type { FastifyReply, FastifyRequest } from 'fastify'
import { failureOf } from '../failure.ts'

/** Answers a request that failed as a Jupyter server does: 403 without a valid token, and `{message, reason}`. */
export function sendFailure(
  error: Error & { statusCode?: number },
  request: FastifyRequest,
  reply: FastifyReply,
): FastifyReply {
  const { status, message, retryAfterS } = failureOf(error)
  if (status === 500) request.log.error({ err: error }, 'request failed')
  if (retryAfterS !== null) reply.header('retry-after', retryAfterS)
  const isKeyless = status === 401
  const body = { message: isKeyless ? 'Forbidden' : message, reason: null }
  return reply
    .code(isKeyless ? 403 : status)
    .type('application/json; charset=utf-8')
    .send(JSON.stringify(body))
}
