import type { FastifyReply, FastifyRequest } from 'fastify'
import { ManagerError } from '../../errors.ts'
import { ENCODINGS_TAKEN, UnknownEncoding } from '../content-encoding.ts'
import { failureOf } from '../failure.ts'
import { RateLimited } from '../refused.ts'
import { type CodeResult, serializeCodeResult } from './code-result.ts'
import { INTERNAL_ERROR, POOL_BUSY, RATE_LIMITED } from './fixed-responses.ts'

/**
 * Answers a request of the contract that has no outcome. What the contract has words for is HTTP 200, so
 * that it does not look like a failure on the way; everything else is answered as by the whole service.
 * @throws the error, for the error handler of the whole service
 */
export function handleFailure(
  error: Error & { code?: string },
  _request: FastifyRequest,
  reply: FastifyReply,
): FastifyReply {
  if (error.code === 'FST_ERR_CTP_INVALID_MEDIA_TYPE') {
    const msg = 'The body must be JSON, with the header Content-Type: application/json'
    return reply.code(422).send({
      detail: [{ type: 'json_type', loc: ['header', 'content-type'], msg, input: null }],
    })
  }
  if (error instanceof UnknownEncoding) {
    const { message: msg, named: input, statusCode } = error
    reply.code(statusCode).header('accept-encoding', ENCODINGS_TAKEN)
    return reply.send({
      detail: [{ type: 'content_encoding', loc: ['header', 'content-encoding'], msg, input }],
    })
  }
  if (error instanceof RateLimited) return sendResult(reply, RATE_LIMITED)
  if (!(error instanceof ManagerError)) throw error
  if (error.code === 'POOL_BUSY') return sendResult(reply, POOL_BUSY)
  const { status } = failureOf(error)
  if (status === 500) return sendResult(reply, INTERNAL_ERROR)
  if (error.code === 'RUN_CANCELLED') return reply.code(status).send()
  throw error
}

function sendResult(reply: FastifyReply, result: CodeResult): FastifyReply {
  return reply.code(200).type('application/json; charset=utf-8').send(serializeCodeResult(result))
}
