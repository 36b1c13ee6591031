import { randomUUID } from 'node:crypto'
import type { RunOptions } from '../../run/types.ts'
import type { ContextOutcome, KernelMode } from '../../sessions/context-types.ts'
import { ContextError } from '../../sessions/context-types.ts'
import type { Contexts } from '../../sessions/contexts.ts'
import { SessionGone } from '../../sessions/gone.ts'
import type { Sessions, SessionUse } from '../../sessions/types.ts'

/** A kernel of Jupyter's knows no limit of time: whoever waits interrupts. */
const WALL_MS = 24 * 3_600_000
const ASK_WALL_MS = 10_000
const NO_ARGUMENTS = Buffer.from('{}')

export interface KeptRun {
  readonly code: Buffer
  readonly mode: KernelMode
  /** Whether it leaves the count of executions as it is. */
  readonly isHidden: boolean
}

/** Runs the code of one kernel in the default context of its language, in a session of the caller's. */
export class KeptRuns {
  readonly #sessions: Sessions
  readonly #caller: string
  readonly #session: string
  readonly #language: string | undefined

  /** @param language undefined: the first one of the session */
  constructor(sessions: Sessions, caller: string, session: string, language: string | undefined) {
    this.#sessions = sessions
    this.#caller = caller
    this.#session = session
    this.#language = language
  }

  /** Executions so far, since the kernel's process was started. */
  get count(): number {
    return this.#known()?.executionCount ?? 0
  }

  /** Whether something runs, also where another manager began it. */
  get isBusy(): boolean {
    return this.#known()?.state === 'busy'
  }

  /** Whether it answers questions about code. */
  get answers(): boolean {
    const contexts = this.#sessions.contexts(this.#caller, this.#session)
    return contexts?.kernel(this.#language).answers ?? false
  }

  /** @throws ContextError, SessionGone, SessionLost, SessionLostError, ManagerError */
  run({ code, mode, isHidden }: KeptRun, options: RunOptions): Promise<ContextOutcome> {
    const wallTimeMs = mode === 'ask' ? ASK_WALL_MS : WALL_MS
    const run = {
      ...{ code, mode, isHidden, argumentsJson: NO_ARGUMENTS, argv: [], stdin: null, files: [] },
      ...{ wallTimeMs, waits: true, tells: { errorsAlone: true, data: false } },
    }
    return this.#inUse((use) =>
      use.contexts.run(randomUUID(), { language: this.#language }, use, run, {
        signal: options.signal,
        ...(options.onEvent && { onEvent: options.onEvent }),
      }),
    )
  }

  /** Interrupts what runs, as control-C does. */
  async interrupt(): Promise<void> {
    const context = this.#known()
    if (context) await this.#inUse(async (use) => use.contexts.interrupt(context.id, use))
  }

  /** Starts its process anew. */
  async restart(): Promise<void> {
    const context = this.#known()
    if (context) await this.#inUse((use) => use.contexts.restart(context.id, use))
  }

  #known() {
    const contexts = this.#sessions.contexts(this.#caller, this.#session)
    return contexts && contextOf(contexts, this.#language)
  }

  async #inUse<T>(work: (use: SessionUse) => Promise<T>): Promise<T> {
    const use = await this.#sessions.use(this.#caller, this.#session)
    if (!use) throw new SessionGone(this.#session, 'it was deleted')
    try {
      return await work(use)
    } finally {
      use.release()
    }
  }
}

/** The default context of a language; null: nothing has run in it. */
function contextOf(contexts: Contexts, language: string | undefined) {
  try {
    return contexts.get(contexts.kernel(language).language)
  } catch (error) {
    if (error instanceof ContextError) return null
    throw error
  }
}
