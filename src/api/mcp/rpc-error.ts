import type { FastifyReply, FastifyRequest } from 'fastify'
import { failureOf } from '../failure.ts'

/** A message that cannot be served, in the words of JSON-RPC (https://www.jsonrpc.org/specification). */
export class RpcError extends Error {
  readonly code: number

  constructor(code: number, message: string) {
    super(message)
    this.name = 'RpcError'
    this.code = code
  }
}

const [SERVER_ERROR, INTERNAL_ERROR] = [-32_000, -32_603]

/** Answers a request that failed before the SDK had it: a status of HTTP, and an error of JSON-RPC. */
export function sendRpcError(
  error: Error & { statusCode?: number },
  request: FastifyRequest,
  reply: FastifyReply,
): FastifyReply {
  if (error instanceof RpcError) return send(reply, 400, error.code, error.message)
  const { status, message, retryAfterS } = failureOf(error)
  if (status === 500) request.log.error({ err: error }, 'request failed')
  if (retryAfterS !== null) reply.header('retry-after', retryAfterS)
  return send(reply, status, status === 500 ? INTERNAL_ERROR : SERVER_ERROR, message)
}

function send(reply: FastifyReply, status: number, code: number, message: string): FastifyReply {
  const body = { jsonrpc: '2.0', id: null, error: { code, message } }
  return reply.code(status).type('application/json; charset=utf-8').send(JSON.stringify(body))
}
