import { scaledMs } from '../../lib/time-scale.ts'

/** How often a run is looked at. */
export const LOOK_MS = 100
/** How long after the wall time limit, which the supervisor keeps, the manager steps in itself. */
const GRACE_MS = scaledMs(1500)
/** How long what the sandbox still says is read beyond that. */
const DRAIN_MS = scaledMs(2000)
/** Beyond twice the time and this, a manager that was late so often cannot tell how the run ended. */
const PATIENCE_MS = scaledMs(10_000)

/** Callbacks of a watch. */
export interface Watched {
  /** Called every LOOK_MS. */
  look(): void
  /** Returns how many bytes the sandbox has sent so far. */
  bytesRead(): number
  /** Called once when the run is past its deadline and everything that it sent has been read. */
  onDeadline(): void
  /** Called once when this thread was late so often that it cannot tell how the run ended. */
  onLate(): void
}

/**
 * The manager's deadline of a run, after that of the supervisor. Time in which this thread was late does not
 * count, because output of the sandbox waits unread meanwhile. The run's end is decided after that output
 * is read.
 */
export class RunWatch {
  readonly #watched: Watched
  readonly #deadlineMs: number
  readonly #now: () => number
  readonly #startedMs: number
  #timer: NodeJS.Timeout | null = null
  #lastMs: number
  #countedMs = 0
  #bytes = 0
  #isOver = false

  /**
   * @param wallTimeMs the limit that the supervisor enforces
   * @param now monotonic time in ms
   */
  constructor(wallTimeMs: number, watched: Watched, now: () => number = () => performance.now()) {
    this.#deadlineMs = wallTimeMs + GRACE_MS
    this.#watched = watched
    this.#now = now
    this.#startedMs = this.#lastMs = now()
  }

  start(): void {
    this.#timer = setInterval(() => this.tick(), LOOK_MS)
  }

  stop(): void {
    this.#isOver = true
    if (this.#timer) clearInterval(this.#timer)
  }

  /** Looks once. The timer of start() calls it. */
  tick(): void {
    if (this.#isOver) return
    this.#watched.look()
    const nowMs = this.#now()
    this.#countedMs += Math.min(nowMs - this.#lastMs, 2 * LOOK_MS)
    this.#lastMs = nowMs
    const bytes = this.#watched.bytesRead()
    const isTalking = bytes > this.#bytes
    this.#bytes = bytes
    if (this.#countedMs < this.#deadlineMs) {
      if (nowMs - this.#startedMs > 2 * this.#deadlineMs + PATIENCE_MS) {
        this.stop()
        this.#watched.onLate()
      }
      return
    }
    if (!isTalking || this.#countedMs > this.#deadlineMs + DRAIN_MS) this.#endUnlessTalking()
  }

  /** Waits two turns of the event loop: by then everything that has arrived is read. */
  #endUnlessTalking(): void {
    setImmediate(() =>
      setImmediate(() => {
        const isTalking = this.#watched.bytesRead() > this.#bytes
        const mayTalk = this.#countedMs <= this.#deadlineMs + DRAIN_MS
        if (this.#isOver || (isTalking && mayTalk)) return
        this.stop()
        this.#watched.onDeadline()
      }),
    )
  }
}
