import type { FastifyReply } from 'fastify'
import { ManagerError } from '../../errors.ts'
import { RateLimited, Refused } from '../refused.ts'

/**
 * Every error answer of the native API, in one table (RFC 9457, https://www.rfc-editor.org/rfc/rfc9457).
 * The name is the last part of `type` and never changes; the title says the same to a person.
 */
export const PROBLEMS = {
  'invalid-request': { status: 400, title: 'The request is not valid' },
  unauthorized: { status: 401, title: 'No valid API key' },
  forbidden: { status: 403, title: 'The request may not come from there' },
  'not-permitted': { status: 403, title: 'The user of the session may not do that' },
  'not-found': { status: 404, title: 'There is nothing under this address' },
  'method-not-allowed': { status: 405, title: 'The address does not take this method' },
  'key-in-use': { status: 409, title: 'The run of this idempotency key has not ended' },
  'not-read-yet': { status: 409, title: 'What was sent before is not read yet' },
  'session-lost': { status: 409, title: 'The session has lost what it did last' },
  'context-busy': { status: 409, title: 'The context runs something else' },
  'context-failed': { status: 409, title: 'The process of the context did not start' },
  'body-too-slow': { status: 408, title: 'The request body came too slowly' },
  'session-ended': { status: 410, title: 'The session has ended' },
  'body-too-large': { status: 413, title: 'The request body is too large' },
  'unsupported-media-type': { status: 415, title: 'The body has a type that is not read here' },
  'no-such-range': { status: 416, title: 'The file has no such part' },
  'upgrade-required': { status: 426, title: 'The address is for WebSockets' },
  'key-reused': { status: 422, title: 'This idempotency key is of another request' },
  'rate-limited': { status: 429, title: 'Too many runs in this time' },
  'too-much-held': { status: 429, title: 'The service holds too much for this caller' },
  canceled: { status: 499, title: 'The caller has gone' },
  internal: { status: 500, title: 'The service failed' },
  lost: { status: 500, title: 'The run has no outcome' },
  'not-implemented': { status: 501, title: 'The service cannot do this yet' },
  'bad-gateway': { status: 502, title: 'A server of the session did not answer' },
  'no-executor': { status: 503, title: 'No executor became free in time' },
  'shutting-down': { status: 503, title: 'The service is shutting down' },
  unavailable: { status: 503, title: 'The service could not run this' },
  'storage-full': { status: 507, title: 'The service cannot store this' },
} as const

export type ProblemName = keyof typeof PROBLEMS

/** One thing that is wrong with a request. */
export interface Issue {
  /** JSON Pointer (RFC 6901) of the member in the body; empty: the body itself. */
  readonly pointer: string
  readonly detail: string
}

/** A problem on its way to the caller. Its message is the problem's `detail`. */
export class Problem extends Error {
  readonly problem: ProblemName
  readonly errors: readonly Issue[]
  /** For the header Retry-After, in seconds; null: trying again does not help. */
  readonly retryAfterS: number | null

  constructor(
    problem: ProblemName,
    detail: string,
    {
      errors = [],
      retryAfterS = null,
    }: { errors?: readonly Issue[]; retryAfterS?: number | null } = {},
  ) {
    super(detail)
    this.name = 'Problem'
    this.problem = problem
    this.errors = errors
    this.retryAfterS = retryAfterS
  }
}

/** Returns the problem of a request that breaks its schema. The first issue is told in `detail`, all of them in `errors`. */
export function invalid(issues: readonly Issue[]): Problem {
  const [first] = issues
  const more = issues.length > 1 ? ` (and ${issues.length - 1} more, see errors)` : ''
  return new Problem('invalid-request', `${first ? said(first) : 'It is not valid.'}${more}`, {
    errors: issues,
  })
}

function said({ pointer, detail }: Issue): string {
  return pointer === '' ? detail : `${fieldOf(pointer)}: ${detail}`
}

/** `/files/0/path` as a person writes it: `files[0].path`. */
function fieldOf(pointer: string): string {
  const parts = pointer
    .slice(1)
    .split('/')
    .map((part) => part.replaceAll('~1', '/').replaceAll('~0', '~'))
  return parts.reduce((text, part) => {
    if (/^\d+$/.test(part)) return `${text}[${part}]`
    return text === '' ? part : `${text}.${part}`
  }, '')
}

/** Returns a JSON Pointer of keys and indexes. */
export function pointerTo(path: readonly PropertyKey[]): string {
  return path.map((part) => `/${String(part).replaceAll('~', '~0').replaceAll('/', '~1')}`).join('')
}

const REFUSALS: Readonly<Record<number, ProblemName>> = {
  401: 'unauthorized',
  403: 'forbidden',
  408: 'body-too-slow',
  413: 'body-too-large',
  429: 'too-much-held',
}

/** Returns what an error means for the caller. An error that nobody expected is `internal`, without its text. */
export function problemOf(error: Error & { statusCode?: number; code?: string }): Problem {
  if (error instanceof Problem) return error
  if (error instanceof RateLimited) {
    return new Problem(
      'rate-limited',
      'This caller has started as many runs as it may in this time.',
    )
  }
  if (error instanceof Refused) {
    const { retryAfterS } = error
    const name = REFUSALS[error.statusCode] ?? 'invalid-request'
    return new Problem(name, error.message, { retryAfterS })
  }
  if (error instanceof ManagerError) return ofManager(error)
  if (error.code === 'FST_ERR_CTP_INVALID_MEDIA_TYPE') {
    const types = 'application/json or multipart/form-data'
    return new Problem(
      'unsupported-media-type',
      `Send the body with the header Content-Type: ${types}.`,
    )
  }
  const status = error.statusCode ?? 500
  if (status < 500) return new Problem('invalid-request', error.message)
  return new Problem('internal', 'The service failed; the fault is its own.')
}

function ofManager(error: ManagerError): Problem {
  if (error.code === 'POOL_BUSY')
    return new Problem('no-executor', error.message, { retryAfterS: 1 })
  if (error.code === 'SHUTTING_DOWN') {
    return new Problem('shutting-down', error.message, { retryAfterS: 5 })
  }
  if (error.code === 'REQUEST_INVALID') {
    const pointer = error.field === null ? '' : `/${error.field.replaceAll('.', '/')}`
    // The core's words name the field themselves.
    const errors = [{ pointer, detail: error.message }]
    return new Problem('invalid-request', error.message, { errors })
  }
  if (error.code === 'HELD_TOO_MUCH') {
    return new Problem('too-much-held', error.message, { retryAfterS: 60 })
  }
  if (error.code === 'STORE_FAILED') {
    return new Problem('storage-full', error.message, { retryAfterS: 60 })
  }
  if (error.code === 'RUN_CANCELLED') return new Problem('canceled', error.message)
  if (error.retryable) {
    return new Problem('unavailable', 'The service could not run this; the fault is its own.', {
      retryAfterS: 1,
    })
  }
  return new Problem('internal', 'The service failed; the fault is its own.')
}

/** Returns the body of a problem's answer, as an object. */
export function problemBody({ problem, message, errors }: Problem, instance: string) {
  const { status, title } = PROBLEMS[problem]
  const type = `/problems/${problem}`
  const body = { type, title, status, detail: message, instance: `urn:request:${instance}` }
  return errors.length > 0 ? { ...body, errors } : body
}

/** Answers with a problem, whatever the route. */
export function sendProblem(reply: FastifyReply, problem: Problem): FastifyReply {
  const { status } = PROBLEMS[problem.problem]
  if (problem.retryAfterS !== null) reply.header('retry-after', problem.retryAfterS)
  return reply
    .code(status)
    .type('application/problem+json')
    .send(JSON.stringify(problemBody(problem, reply.request.id)))
}
