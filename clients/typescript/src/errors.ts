import type { Problem } from './types.ts'

type NameOf<T> = T extends `/problems/${infer Name}` ? Name : never

/** The service's own problems, and what can go wrong on the way to it. */
export type ErrorType =
  | NameOf<Problem['type']>
  /** No connection, or it broke before the answer. */
  | 'unreachable'
  /** The events broke off before the last one. */
  | 'broken-stream'
  /** An answer that is not of this API, such as a proxy's page. */
  | 'bad-answer'

/** What is wrong with one field of a request. */
export type FieldError = NonNullable<Problem['errors']>[number]

interface Details {
  readonly status?: number | null
  readonly errors?: readonly FieldError[]
  readonly retryAfterMs?: number | null
  readonly instance?: string | null
  readonly cause?: unknown
}

/** The one error of this client. A program that fails is no error: that is an outcome. */
export class ExecutorManagerError extends Error {
  readonly type: ErrorType
  /** Of HTTP; null: there was no answer. */
  readonly status: number | null
  /** All that is wrong with the request, by field. */
  readonly errors: readonly FieldError[]
  /** How long the service asks to wait; null: it does not say. */
  readonly retryAfterMs: number | null
  /** The request in the service's log. */
  readonly instance: string | null

  constructor(type: ErrorType, message: string, details: Details = {}) {
    super(message, { cause: details.cause })
    this.name = 'ExecutorManagerError'
    this.type = type
    this.status = details.status ?? null
    this.errors = details.errors ?? []
    this.retryAfterMs = details.retryAfterMs ?? null
    this.instance = details.instance ?? null
  }
}

/** @param problem of an answer or of a stream's last event */
export function errorOf(problem: Problem, retryAfterMs: number | null = null) {
  const type = problem.type.replace(/^.*\/problems\//, '') as ErrorType
  const { status, errors = [], instance } = problem
  return new ExecutorManagerError(type, problem.detail, { status, errors, instance, retryAfterMs })
}

/** The error of an answer that is no success. */
export async function errorOfAnswer(response: Response): Promise<ExecutorManagerError> {
  const { status } = response
  const retryAfterMs = waitOf(response.headers.get('retry-after'))
  const text = await response.text().catch(() => '')
  if (response.headers.get('content-type')?.includes('application/problem+json')) {
    try {
      return errorOf(JSON.parse(text) as Problem, retryAfterMs)
    } catch {
      // As below.
    }
  }
  const message = `HTTP ${status}, and not an answer of an executor manager: ${text.slice(0, 200)}`
  return new ExecutorManagerError('bad-answer', message, { status, retryAfterMs })
}

/** https://www.rfc-editor.org/rfc/rfc9110#name-retry-after: seconds, or a date. */
function waitOf(header: string | null): number | null {
  if (header === null) return null
  const ms = /^\d+$/.test(header) ? Number(header) * 1000 : Date.parse(header) - Date.now()
  return Number.isNaN(ms) ? null : Math.max(0, ms)
}
