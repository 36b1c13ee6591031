import type { FastifyReply, FastifyRequest } from 'fastify'
import { ManagerError } from '../../errors.ts'
import { failureOf } from '../failure.ts'
import { PROBLEMS, Problem } from '../v1/problems.ts'

/** A client that waits longer than this seems to hang. */
const MOST_RETRY_AFTER_S = 10

/** There is no such sandbox for who asks, or not now: it was killed, is over, or is paused. */
export class GoneSandbox extends Error {
  readonly statusCode = 502
  /** What E2B's clients look for. */
  readonly body: { readonly sandboxId: string; readonly message: string; readonly code: 502 }

  constructor(sandboxId: string) {
    super('The sandbox was not found')
    this.body = { sandboxId: sandboxId.slice(0, 64), message: this.message, code: 502 }
  }
}

/** Nothing inside of a sandbox answers on a port. */
export class ClosedPort extends Error {
  readonly statusCode = 502
  readonly body: object

  constructor(sandboxId: string, port: number) {
    super('The sandbox is running but port is not open')
    this.body = { sandboxId, message: this.message, port, code: 502 }
  }
}

/** A port of a sandbox that is not public was asked for without its token. */
export class PrivatePort extends Error {
  readonly statusCode = 403
  readonly body: object

  constructor(sandboxId: string) {
    super('The traffic access token of the sandbox is missing or wrong')
    this.body = { sandboxId, message: this.message, code: 403 }
  }
}

/** Answers a request that failed in the words of E2B: `{code, message}`. */
export function sendFailure(
  error: Error & { statusCode?: number },
  request: FastifyRequest,
  reply: FastifyReply,
): FastifyReply {
  if (error instanceof Problem) {
    const { status: code } = PROBLEMS[error.problem]
    return send(reply, code, { code, message: error.message })
  }
  if ('body' in error && error.statusCode) return send(reply, error.statusCode, error.body)
  const { status, message, retryAfterS } = failureOf(error)
  if (status === 500 && !(error instanceof ManagerError)) {
    request.log.error({ err: error }, 'request failed')
  }
  // E2B's clients send it again by themselves, which helps only against what passes soon.
  const isFinal = retryAfterS === null || retryAfterS > MOST_RETRY_AFTER_S
  if (!isFinal) reply.header('retry-after', retryAfterS)
  // The limiter of rates has said already when it is worth it.
  else if ((status === 429 || status >= 502) && !reply.hasHeader('retry-after')) {
    reply.header('should-retry', 'false')
  }
  return send(reply, status, { code: status, message })
}

/** Sends an answer in JSON. */
export function send(reply: FastifyReply, status: number, body: unknown): FastifyReply {
  return reply.code(status).type('application/json; charset=utf-8').send(JSON.stringify(body))
}
