import type { FastifyReply, FastifyRequest } from 'fastify'
import { ManagerError } from '../../errors.ts'
import { failureOf } from '../failure.ts'
import { Problem } from '../v1/problems.ts'

/** Sends an answer in Dify's envelope. Errors have a negative code. */
export function sendEnvelope(
  reply: FastifyReply,
  status: number,
  code: number,
  message: string,
  data: object | null = null,
): FastifyReply {
  return reply
    .code(status)
    .type('application/json; charset=utf-8')
    .send(JSON.stringify({ code, message, data }))
}

/** Answers a request that is not valid: the status is an error's only where the body was said to be plain JSON. */
export function sendInvalid(
  request: FastifyRequest,
  reply: FastifyReply,
  message: string,
): FastifyReply {
  const isPlain = request.headers['content-type'] === 'application/json'
  return sendEnvelope(reply, isPlain ? 400 : 200, -400, message)
}

/**
 * Answers a request that failed. Dify sends a request again after 502, 503 and 504, so that these are only for
 * what has not begun to run.
 */
export function sendFailure(
  error: Error & { statusCode?: number },
  request: FastifyRequest,
  reply: FastifyReply,
  isStarted = false,
): FastifyReply {
  if (error instanceof Problem) return sendInvalid(request, reply, error.message)
  const isBusy =
    error instanceof ManagerError && ['POOL_BUSY', 'SHUTTING_DOWN'].includes(error.code)
  if (isBusy && !isStarted) return sendEnvelope(reply, 503, -503, 'Too many requests')
  const { status, message } = failureOf(error)
  if (status === 401) return reply.code(401).send()
  if ([403, 404, 405].includes(status)) return sendEnvelope(reply, status, -status, message)
  if (status === 429) return sendEnvelope(reply, 200, -429, message)
  if (status < 500 && status !== 499) return sendInvalid(request, reply, message)
  if (!(error instanceof ManagerError)) request.log.error({ err: error }, 'request failed')
  return sendEnvelope(reply, 200, -500, 'The sandbox service failed; the fault is its own.')
}
