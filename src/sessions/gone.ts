/** A session that was, and is no more. */
export class SessionGone extends Error {
  readonly id: string

  /** @param why how it ended, for its caller */
  constructor(id: string, why: string) {
    super(`The session ${id} has ended: ${why}.`)
    this.id = id
  }
}
