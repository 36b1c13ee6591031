import type { KeptSandbox } from './engine.ts'
import type { SessionState } from './lifecycle.ts'
import type { IdleRules } from './types.ts'

/** How often a session in memory is looked at. */
const LOOK_MS = 1000
/** Part of one processor below which processes count as idle. The kernel of a sandbox takes as much at rest. */
const IDLE_PROCESSOR_SHARE = 0.1

/** Looks at the sandbox of a session every second, and counts how long it has been idle. */
export class IdleWatch {
  #sinceMs = performance.now()
  #cpuTimeMs = 0
  #timer: NodeJS.Timeout | null = null
  #isLooking = false
  #isComputing = false

  /** Whether processes of it computed when it was last looked at. */
  get isComputing(): boolean {
    return this.#isComputing
  }

  /** When its idle time began (performance.now()). */
  get sinceMs(): number {
    return this.#sinceMs
  }

  get idleMs(): number {
    return performance.now() - this.#sinceMs
  }

  /** Its idle time begins now, or has begun then. */
  begin(sinceMs = performance.now()): void {
    this.#sinceMs = sinceMs
  }

  /** @param look called once a second, never twice at once; what it rejects with is ignored */
  start(sandbox: KeptSandbox, look: () => Promise<void>): void {
    this.stop()
    this.#isComputing = false
    this.#cpuTimeMs = sandbox.use().cpuTimeMs
    this.#timer = setInterval(() => void this.#look(look), LOOK_MS)
    this.#timer.unref()
  }

  stop(): void {
    if (this.#timer) clearInterval(this.#timer)
    this.#timer = null
  }

  async #look(look: () => Promise<void>): Promise<void> {
    if (this.#isLooking) return
    this.#isLooking = true
    await look().catch(() => {})
    this.#isLooking = false
  }

  /** How one in this state shall sleep now; null: it stays as it is. */
  sleepFor(
    state: SessionState,
    { freezeMs, hibernateMs }: IdleRules,
  ): 'freeze' | 'hibernate' | null {
    if (state !== 'ready' && state !== 'frozen') return null
    if (state === 'ready' && freezeMs !== null && this.idleMs >= freezeMs) return 'freeze'
    return hibernateMs !== null && this.idleMs >= hibernateMs ? 'hibernate' : null
  }

  /** Whether processes of it have computed since the last look. */
  isBusyInside(sandbox: KeptSandbox): boolean {
    const { cpuTimeMs } = sandbox.use()
    const used = cpuTimeMs - this.#cpuTimeMs
    this.#cpuTimeMs = cpuTimeMs
    this.#isComputing = used > IDLE_PROCESSOR_SHARE * LOOK_MS
    return this.#isComputing
  }
}
