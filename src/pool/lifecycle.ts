import type { Executor } from './executor.ts'

/**
 * The life of one executor, as its pool sees it:
 *
 *   warming ──► ready ──► leased ──► disposing ──► gone
 *      │          └──────────────────────▲
 *      └──► gone
 *
 *   warming    being made; there is no executor yet. If making fails it is gone.
 *   ready      loaded, frozen, waiting for a run. If its sandbox dies here, it is disposed of.
 *   leased     one run has it. Nobody else ever gets it.
 *   disposing  its sandbox is being destroyed, for as long as that takes: it keeps its place.
 *   gone       nothing of it is left.
 */
export type LifecycleState = 'warming' | 'ready' | 'leased' | 'disposing' | 'gone'

const PREDECESSORS: Readonly<Record<LifecycleState, readonly LifecycleState[]>> = {
  warming: [],
  ready: ['warming'],
  leased: ['ready'],
  disposing: ['ready', 'leased'],
  gone: ['warming', 'disposing'],
}

export class Lifecycle {
  #state: LifecycleState = 'warming'
  #executor: Executor | null = null

  get state(): LifecycleState {
    return this.#state
  }

  /** The executor; there is one from `ready` to `disposing`. */
  get executor(): Executor {
    if (!this.#executor) throw new Error(`a slot that is ${this.#state} has no executor`)
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
      throw new Error(`a slot cannot go from ${this.#state} to ${next}`)
    }
    this.#state = next
  }
}
