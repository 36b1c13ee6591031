import { scaledMs } from '../../lib/time-scale.ts'

/** How often a run is looked at. */
export const LOOK_MS = 100
/** How long after the wall time limit, which the supervisor keeps, the manager steps in itself. */
const GRACE_MS = scaledMs(1500)
/** How long what the sandbox still says is read beyond that. */
const DRAIN_MS = scaledMs(2000)
/** Beyond twice the time and this, a manager that was late so often cannot tell how the run ended. */
const PATIENCE_MS = scaledMs(10_000)

/** What a watch asks and does. */
export interface Watched {
  /** Called every LOOK_MS. */
  look(): void
  /** How much the sandbox has said so far, in bytes. */
  bytesRead(): number
  /** The run is over its deadline and has nothing more to say. */
  onDeadline(): void
  /** This thread was late so long that nothing can be said about the run. */
  onLate(): void
}

/**
 * The manager's own deadline of a run, behind that of the supervisor. It goes by the sandbox and not by
 * this thread: time in which the thread was late does not count, since what the sandbox said meanwhile
 * has not been read, and the end of the run is not decided before all of that is read.
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
   * @param wallTimeMs the limit that the supervisor keeps
   * @param now a clock that nobody sets, in ms
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

  /** One look. Called by the timer of start(). */
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

  /** What has arrived by now is read before the second turn of the event loop. */
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
