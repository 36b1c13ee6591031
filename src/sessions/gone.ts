/** A session that was, and is no more. */
export class SessionGone extends Error {
  readonly id: string

  /** @param why how it ended, for its caller */
  constructor(id: string, why: string) {
    super(`The session ${id} has ended: ${why}.`)
    this.id = id
  }
}

/** A session whose state since its last checkpoint is gone. */
export class SessionLost extends Error {
  readonly id: string

  /**
   * @param why how that came, for its caller
   * @param checkpointAtMs of what can be had back; null: nothing can
   */
  constructor(id: string, why: string, checkpointAtMs: number | null) {
    const rest =
      checkpointAtMs === null
        ? 'It has no checkpoint: create another one.'
        : `Its last checkpoint is of ${new Date(checkpointAtMs).toISOString()}: resume it from that (resume with {"from": "checkpoint"}), or delete it.`
    super(`The session ${id} is lost: ${why}. ${rest}`)
    this.id = id
  }
}
