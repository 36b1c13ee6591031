/**
 * Every failure of our own, in one table. What the user's code does wrong is never here: that is
 * data (a code result). `retryable` tells a caller whether the same call may succeed later.
 */
export const ERRORS = {
  CONFIG_INVALID: { httpStatus: 500, retryable: false },
  SETUP_FAILED: { httpStatus: 500, retryable: false },
  RUNTIME_INVALID: { httpStatus: 500, retryable: false },
  REQUEST_INVALID: { httpStatus: 422, retryable: false },
  BODY_TOO_LARGE: { httpStatus: 413, retryable: false },
  POOL_BUSY: { httpStatus: 200, retryable: true },
  SHUTTING_DOWN: { httpStatus: 503, retryable: true },
  REQUEST_NOT_READ: { httpStatus: 503, retryable: true },
  RUN_CANCELLED: { httpStatus: 499, retryable: false },
  ENGINE_FAILED: { httpStatus: 200, retryable: true },
  /** The executor ended before its run; no code has run. */
  EXECUTOR_LOST: { httpStatus: 200, retryable: true },
  /** The manager itself was late so long that it cannot tell how the run ended. */
  RUN_UNOBSERVED: { httpStatus: 200, retryable: true },
  NETWORK_FAILED: { httpStatus: 200, retryable: true },
} as const

export type ErrorCode = keyof typeof ERRORS

/** Our own failure. `message` is one plain sentence that may be shown to an operator. */
export class ManagerError extends Error {
  readonly code: ErrorCode

  constructor(code: ErrorCode, message: string, options?: ErrorOptions) {
    super(message, options)
    this.name = 'ManagerError'
    this.code = code
  }

  get httpStatus(): number {
    return ERRORS[this.code].httpStatus
  }

  get retryable(): boolean {
    return ERRORS[this.code].retryable
  }
}
