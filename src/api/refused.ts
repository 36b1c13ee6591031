/** Thrown when a request is refused. Its message is for the caller. */
export class Refused extends Error {
  readonly statusCode: number
  /** For the header Retry-After; null: trying again does not help. */
  readonly retryAfterS: number | null

  constructor(statusCode: number, message: string, retryAfterS: number | null = null) {
    super(message)
    this.name = 'Refused'
    this.statusCode = statusCode
    this.retryAfterS = retryAfterS
  }
}

/** A caller has started more runs than its rate. The rate limiter sets the header Retry-After itself. */
export class RateLimited extends Refused {
  constructor() {
    super(429, 'Too many requests, please try again later')
  }
}

/** Returns the refusal for a caller that has not read its earlier answers. */
export function unreadAnswers(): Refused {
  return new Refused(429, 'Read the answers that you have been given before you ask for more.', 5)
}
