/**
 * The states of a session:
 *
 *   creating ──► ready ◄──► busy
 *                  ▲ ├──────┐ │
 *                  │ ▼      ▼ ▼
 *                  │ frozen ──► hibernating ──► hibernated ──► waking ──► ready
 *                  │                                 ▲
 *   ready, busy, frozen, hibernating ──► lost ───────┘ (only when it is asked for)
 *   any ──► dead
 *
 *   creating     Its sandbox is being made.
 *   ready        It waits for use; its background processes run.
 *   busy         At least one request uses it.
 *   frozen       It has been idle for seconds. Its processes stand still and use no processor time.
 *   hibernating  Its state is being written to disk. Requests that use it wait. A busy session gets here when the
 *                service stops, or when it is saved and goes on at once. When the writing fails, it goes on.
 *   hibernated   Its state is on disk. It uses no processor time and no memory.
 *   waking       Its sandbox is being restored. Requests that use it wait.
 *   lost         Its sandbox ended by itself, or with a manager that was killed. What it did since its last
 *                checkpoint is gone. With a checkpoint, a call of its own takes it back to that; else it waits for
 *                its deletion or the end of its time to live.
 *   dead         Only the reason of its end is left.
 */
export type SessionState =
  | 'creating'
  | 'ready'
  | 'busy'
  | 'frozen'
  | 'hibernating'
  | 'hibernated'
  | 'waking'
  | 'lost'
  | 'dead'

const SUCCESSORS: Readonly<Record<SessionState, readonly SessionState[]>> = {
  creating: ['ready', 'dead'],
  ready: ['busy', 'frozen', 'hibernating', 'lost', 'dead'],
  busy: ['ready', 'hibernating', 'lost', 'dead'],
  frozen: ['ready', 'hibernating', 'lost', 'dead'],
  hibernating: ['hibernated', 'ready', 'lost', 'dead'],
  hibernated: ['waking', 'dead'],
  waking: ['ready', 'hibernated', 'dead'],
  lost: ['hibernated', 'dead'],
  dead: [],
}

/** All states, in the order of a life. */
export const SESSION_STATES = Object.keys(SUCCESSORS) as readonly SessionState[]

/** The state of one session. A transition that the present state does not allow throws. */
export class SessionLifecycle {
  #state: SessionState

  /** @param state the one that it is found in after a restart, else `creating` */
  constructor(state: 'creating' | 'hibernated' | 'lost' = 'creating') {
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
