import { ContextError } from '../../../sessions/context-types.ts'
import { ChannelError } from '../../../sessions/errors.ts'
import { Refused } from '../../refused.ts'
import { sessionProblem } from '../../v1/session-call.ts'

const STATUS = { unknown: 404, busy: 429, full: 429, failed: 500 } as const

/** Returns what a failure in a sandbox means for a client of the code interpreter. */
export function clientError(error: Error): Error {
  if (error instanceof ContextError) return new Refused(STATUS[error.why], error.message)
  // Its folder is not there, or may not be entered.
  if (error instanceof ChannelError) return new Refused(400, sessionProblem(error).message)
  return error
}
