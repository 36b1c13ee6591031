/** Codes of errors, and the status of an answer that is one (https://connectrpc.com/docs/protocol#error-codes). */
const STATUSES = {
  canceled: 499,
  invalid_argument: 400,
  deadline_exceeded: 504,
  not_found: 404,
  already_exists: 409,
  permission_denied: 403,
  resource_exhausted: 429,
  failed_precondition: 400,
  unimplemented: 501,
  internal: 500,
  unavailable: 503,
  unauthenticated: 401,
} as const

export type ConnectCode = keyof typeof STATUSES

/** How a call failed, for its caller. */
export class ConnectError extends Error {
  readonly code: ConnectCode

  constructor(code: ConnectCode, message: string) {
    super(message)
    this.code = code
  }

  get status(): number {
    return STATUSES[this.code]
  }

  /** What an answer or the end of a stream says. */
  get body(): { readonly code: ConnectCode; readonly message: string } {
    return { code: this.code, message: this.message }
  }
}

/** Returns the code for a status of HTTP that the rest of the service chose. */
export function codeOfStatus(status: number): ConnectCode {
  if (status === 401) return 'unauthenticated'
  if (status === 403) return 'permission_denied'
  if (status === 404) return 'not_found'
  if (status === 408) return 'deadline_exceeded'
  if (status === 409) return 'already_exists'
  if (status === 413 || status === 429 || status === 507) return 'resource_exhausted'
  if (status >= 502 && status <= 504) return 'unavailable'
  return status < 500 ? 'invalid_argument' : 'internal'
}
