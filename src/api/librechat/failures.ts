import type { FastifyReply, FastifyRequest } from 'fastify'
import { ManagerError } from '../../errors.ts'
import { failureOf } from '../failure.ts'
import { Problem } from '../v1/problems.ts'

/** Answers a request that failed in the words of LibreChat's interpreter: `{error}`, with a message for most. */
export function sendFailure(
  error: Error & { statusCode?: number },
  request: FastifyRequest,
  reply: FastifyReply,
): FastifyReply {
  if (error instanceof Problem) return send(reply, 400, { error: textOf(error) })
  const { status, message, retryAfterS } = failureOf(error)
  if (status === 500 && !(error instanceof ManagerError)) {
    request.log.error({ err: error }, 'request failed')
  }
  if (retryAfterS !== null) reply.header('retry-after', retryAfterS)
  if (status === 429) {
    const retry_after_seconds = retryAfterS ?? 1
    return send(reply, 429, { error: 'rate_limited', message, retry_after_seconds })
  }
  if (status === 413) return send(reply, 413, { error: 'File size limit exceeded', message })
  return send(reply, status, { error: message })
}

/** What is wrong, without the field in front: LibreChat's words name it. */
function textOf({ errors, message }: Problem): string {
  return errors[0]?.detail ?? message
}

/** Sends an answer in JSON. */
export function send(reply: FastifyReply, status: number, body: unknown): FastifyReply {
  return reply.code(status).type('application/json; charset=utf-8').send(JSON.stringify(body))
}
