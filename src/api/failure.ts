import { ERRORS, type ErrorCode, ManagerError } from '../errors.ts'
import { Refused } from './refused.ts'

/** How a failed request is answered, in terms that every protocol has. */
export interface RequestFailure {
  readonly status: number
  /** For the caller. */
  readonly message: string
  /** For the header Retry-After; null: none. */
  readonly retryAfterS: number | null
  /** The row of the error table; null: the failure is not in the table. */
  readonly code: ErrorCode | null
  /** The member of the request that is wrong; null: not known, or another failure. */
  readonly field: string | null
}

const INTERNAL = 'Internal Server Error'

/**
 * Looks up the error of a request in the error table. Each front door sends the result in the form of its protocol. The
 * message of an internal failure is for the log only.
 */
export function failureOf(error: Error & { statusCode?: number }): RequestFailure {
  if (error instanceof ManagerError) {
    const { httpStatus: status, retryAfterS } = ERRORS[error.code]
    const message = status === 500 ? INTERNAL : error.message
    return { status, message, retryAfterS, code: error.code, field: error.field }
  }
  const { statusCode: status = 500, message } = error
  const retryAfterS = error instanceof Refused ? error.retryAfterS : null
  const shown = status < 500 || error instanceof Refused ? message : INTERNAL
  return { status, message: shown, retryAfterS, code: null, field: null }
}
