/** A request that is refused, thrown on the way to its answer. Its message is for the caller. */
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
