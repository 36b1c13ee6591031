/**
 * The states of a session:
 *
 *   creating ──► ready ◄──► busy
 *                  ▲
 *                  ├──► frozen ──► hibernating ──► hibernated ──► waking ──► ready
 *                  └─────────────────▲
 *   any ──► dead
 *
 *   creating     Its sandbox is being made.
 *   ready        It waits for use; its background processes run.
 *   busy         At least one request uses it.
 *   frozen       It has been idle for seconds. Its processes stand still and use no processor time.
 *   hibernating  Its state is being written to disk. Who wants to use it waits. One in use gets there only when
 *                the service stops.
 *   hibernated   Its state is on disk. It uses no processor time and no memory.
 *   waking       Its sandbox is being restored. Who wants to use it waits.
 *   dead         Nothing of it is left but the word of how it ended.
 */
export type SessionState =
  | 'creating'
  | 'ready'
  | 'busy'
  | 'frozen'
  | 'hibernating'
  | 'hibernated'
  | 'waking'
  | 'dead'

const SUCCESSORS: Readonly<Record<SessionState, readonly SessionState[]>> = {
  creating: ['ready', 'dead'],
  ready: ['busy', 'frozen', 'hibernating', 'dead'],
  busy: ['ready', 'hibernating', 'dead'],
  frozen: ['ready', 'hibernating', 'dead'],
  hibernating: ['hibernated', 'dead'],
  hibernated: ['waking', 'dead'],
  waking: ['ready', 'hibernated', 'dead'],
  dead: [],
}

/** The state of one session. A transition that the present state does not allow throws. */
export class SessionLifecycle {
  #state: SessionState

  /** @param state the one that it is found in after a restart, else `creating` */
  constructor(state: 'creating' | 'hibernated' = 'creating') {
    this.#state = state
  }

  get state(): SessionState {
    return this.#state
  }

  /** @throws Error */
  enter(next: SessionState): void {
    if (!SUCCESSORS[this.#state].includes(next)) {
      throw new Error(`a session cannot go from ${this.#state} to ${next}`)
    }
    this.#state = next
  }
}
