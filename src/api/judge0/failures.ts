import type { FastifyReply, FastifyRequest } from 'fastify'
import { ManagerError } from '../../errors.ts'
import { answerTo } from '../one-run.ts'

/** Answers a request that failed in the words of Judge0: `{error}`. */
export function sendFailure(
  error: Error & { statusCode?: number },
  request: FastifyRequest,
  reply: FastifyReply,
): FastifyReply {
  const { status, message, retryAfterS } = answerTo(error)
  if (status === 500) request.log.error({ err: error }, 'request failed')
  if (retryAfterS !== null) reply.header('retry-after', retryAfterS)
  const isFull = error instanceof ManagerError && error.code === 'HELD_TOO_MUCH'
  return sendError(reply, isFull ? 503 : status, isFull ? 'queue is full' : message)
}

/** Sends an error in the words of Judge0. */
export function sendError(reply: FastifyReply, status: number, error: string): FastifyReply {
  return reply.code(status).type('application/json; charset=utf-8').send(JSON.stringify({ error }))
}
