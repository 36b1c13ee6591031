import type { Executor } from './executor.ts'

/**
 * The states of one executor in its pool:
 *
 *   warming ──► ready ──► leased ──► disposing ──► gone
 *      │          └──────────────────────▲
 *      └──► gone
 *
 *   warming    It is being made; there is no executor yet. When making fails it is gone.
 *   ready      It is loaded and frozen, and waits for a run. When its sandbox dies it is disposed of.
 *   leased     One run has it. No other run ever gets it.
 *   disposing  Its sandbox is being destroyed. It keeps its place until that has succeeded.
 *   gone       Nothing of it is left.
 */
export type LifecycleState = 'warming' | 'ready' | 'leased' | 'disposing' | 'gone'

const PREDECESSORS: Readonly<Record<LifecycleState, readonly LifecycleState[]>> = {
  warming: [],
  ready: ['warming'],
  leased: ['ready'],
  disposing: ['ready', 'leased'],
  gone: ['warming', 'disposing'],
}

/** The state of one executor. Each transition throws when the present state does not allow it. */
export class Lifecycle {
  #state: LifecycleState = 'warming'
  #executor: Executor | null = null

  get state(): LifecycleState {
    return this.#state
  }

  /**
   * The executor. There is one from `ready` to `disposing`.
   * @throws Error in the other states
   */
  get executor(): Executor {
    if (!this.#executor) throw new Error(`there is no executor while it is ${this.#state}`)
    return this.#executor
  }

  toReady(executor: Executor): void {
    this.#enter('ready')
    this.#executor = executor
  }

  toLeased(): void {
    this.#enter('leased')
  }

  toDisposing(): void {
    this.#enter('disposing')
  }

  toGone(): void {
    this.#enter('gone')
    this.#executor = null
  }

  #enter(next: LifecycleState): void {
    if (!PREDECESSORS[next].includes(this.#state)) {
      throw new Error(`an executor cannot go from ${this.#state} to ${next}`)
    }
    this.#state = next
  }
}
