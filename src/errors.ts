/**
 * All failures of the service itself. A failure of user code is not among them: that is data (an outcome).
 * `httpStatus` is for front doors whose protocol has no word of its own for the failure. `retryable` tells a caller
 * whether the same call may succeed later, `retryAfterS` how long to wait before; null: no time is given.
 */
export const ERRORS = {
  CONFIG_INVALID: { httpStatus: 500, retryable: false, retryAfterS: null },
  SETUP_FAILED: { httpStatus: 500, retryable: false, retryAfterS: null },
  RUNTIME_INVALID: { httpStatus: 500, retryable: false, retryAfterS: null },
  TEMPLATE_INVALID: { httpStatus: 500, retryable: false, retryAfterS: null },
  BUILD_FAILED: { httpStatus: 500, retryable: false, retryAfterS: null },
  REQUEST_INVALID: { httpStatus: 422, retryable: false, retryAfterS: null },
  BODY_TOO_LARGE: { httpStatus: 413, retryable: false, retryAfterS: null },
  POOL_BUSY: { httpStatus: 503, retryable: true, retryAfterS: 1 },
  SHUTTING_DOWN: { httpStatus: 503, retryable: true, retryAfterS: null },
  REQUEST_NOT_READ: { httpStatus: 503, retryable: true, retryAfterS: 1 },
  /** The store keeps as much for this caller as it may, or for all callers. */
  HELD_TOO_MUCH: { httpStatus: 429, retryable: true, retryAfterS: 60 },
  /** The store cannot write or read: its disk is full or fails. */
  STORE_FAILED: { httpStatus: 507, retryable: true, retryAfterS: 60 },
  RUN_CANCELLED: { httpStatus: 499, retryable: false, retryAfterS: null },
  ENGINE_FAILED: { httpStatus: 500, retryable: true, retryAfterS: null },
  /** The executor ended before its run; no code has run. */
  EXECUTOR_LOST: { httpStatus: 500, retryable: true, retryAfterS: null },
  /** The manager itself was late so long that it cannot tell how the run ended. */
  RUN_UNOBSERVED: { httpStatus: 500, retryable: true, retryAfterS: null },
  NETWORK_FAILED: { httpStatus: 500, retryable: true, retryAfterS: null },
} as const

export type ErrorCode = keyof typeof ERRORS

/** A failure of the service itself. `message` is one plain sentence that may be shown to an operator. */
export class ManagerError extends Error {
  readonly code: ErrorCode
  /** The member of a request that REQUEST_INVALID is about, such as `files.0.path`; null: none. */
  readonly field: string | null

  constructor(code: ErrorCode, message: string, options?: ErrorOptions & { field?: string }) {
    super(message, options)
    this.name = 'ManagerError'
    this.code = code
    this.field = options?.field ?? null
  }

  get httpStatus(): number {
    return ERRORS[this.code].httpStatus
  }

  get retryable(): boolean {
    return ERRORS[this.code].retryable
  }
}
