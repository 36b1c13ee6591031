import { Pace } from '../supervisor/pace.ts'
import type { SessionProcess } from '../supervisor/session-process.ts'
import type { ProcessEnd } from '../supervisor/session-protocol.ts'
import { type OutputPiece, OutputRing, type RingState } from './output-ring.ts'

/** What is known of a command that outlives its request. */
export interface CommandRecord {
  readonly id: string
  argv: readonly string[]
  readonly cwd: string
  readonly hasTerminal: boolean
  readonly pid: number
  /** Number of its channel. */
  readonly channel: number
  readonly startedAtMs: number
  /** By which its caller finds it again. */
  readonly tag: string | null
  /** What its caller set, beside what every process of the session has; empty once it has ended. */
  env: Readonly<Record<string, string>>
  /** It is ended then; null: never. */
  readonly deadlineAtMs: number | null
  endedAtMs: number | null
  /** Null: it runs. `time`: by its deadline. `lost`: its session's sandbox ended before it. */
  end: 'exit' | 'signal' | 'time' | 'lost' | null
  exitCode: number | null
  signal: number | null
}

/** A command as it is written down. */
export interface CommandState {
  readonly record: CommandRecord
  readonly output: RingState
}

/** Of setTimeout(). No session lives so long. */
const MAX_TIMER_MS = 2 ** 31 - 1
/** Of the output of each command, in bytes. */
export const RING_BYTES = 256 * 1024
/** A reader that is so far behind holds up the command. */
const LAG_BYTES = RING_BYTES / 2
/** What a string takes beside its characters, which take two bytes each where one of them is not of Latin-1. */
const STRING_BYTES = 64
/** Of arguments that are kept of a command whose caller has no room. */
const CUT_CHARS = 4096

/** Returns the bytes that the words of a command take, at most: what is kept of it beside its output. */
export function wordBytes({ argv, cwd, env, tag }: Words): number {
  const words = [...argv, ...Object.entries(env).flat(), cwd, tag ?? '']
  return words.reduce((sum, word) => sum + STRING_BYTES + 2 * word.length, 0)
}

type Words = Pick<CommandRecord, 'argv' | 'cwd' | 'env' | 'tag'>

/** A command that goes on when the request that started it is over. Its latest output is kept. */
export class KeptCommand {
  readonly record: CommandRecord
  /** Resolves when it has ended and all that it wrote is in the ring. */
  readonly ended: Promise<void>
  readonly #ring: OutputRing
  #process: SessionProcess | null
  readonly #readers = new Set<{ position: number }>()
  #wake: () => void = () => {}
  #changed = this.#nextChange()
  readonly #pace = new Pace(() => this.#regulate())
  #isHeldUp = false
  #isLate = false
  /** Resolves when what was sent last is on its way. */
  #written: Promise<void> = Promise.resolve()

  /** @param process null: it has ended */
  constructor(record: CommandRecord, process: SessionProcess | null, output?: RingState) {
    this.record = record
    this.#ring = output ? OutputRing.of(RING_BYTES, output) : new OutputRing(RING_BYTES)
    this.#process = process
    this.ended = process ? this.#follow(process) : Promise.resolve()
  }

  get isRunning(): boolean {
    return this.record.end === null
  }

  /** Offsets of the oldest byte of its output that is there, and of the next one. */
  get span(): { first: number; next: number } {
    return { first: this.#ring.first, next: this.#ring.next }
  }

  state(): CommandState {
    return { record: this.record, output: this.#ring.state() }
  }

  /**
   * Yields its output from an offset on, as it comes, until it has ended. A slow reader slows down the
   * command. What was dropped before shows by the offset of the next piece.
   */
  async *output(from: number, signal: AbortSignal): AsyncGenerator<OutputPiece> {
    const reader = { position: from }
    this.#readers.add(reader)
    const stop = () => this.#tell()
    signal.addEventListener('abort', stop, { once: true })
    try {
      for (;;) {
        if (signal.aborted) return
        const changed = this.#changed
        const piece = this.#ring.read(reader.position)
        if (piece) {
          reader.position = piece.offset + piece.bytes.length
          this.#regulate()
          yield piece
        } else if (this.record.end !== null) return
        else await changed
      }
    } finally {
      signal.removeEventListener('abort', stop)
      this.#readers.delete(reader)
      this.#regulate()
    }
  }

  /** What is there of its output from an offset on. */
  outputNow(from: number): OutputPiece[] {
    const pieces: OutputPiece[] = []
    for (let piece = this.#ring.read(from); piece; ) {
      pieces.push(piece)
      piece = this.#ring.read(piece.offset + piece.bytes.length)
    }
    return pieces
  }

  /** Whether it has not read what was sent to it before. */
  get hasUnreadInput(): boolean {
    return (this.#process?.stdin.writableLength ?? 0) > 0
  }

  /** Sends bytes to its standard input. Resolves when they are on their way; of an ended command at once. */
  write(bytes: Buffer): Promise<void> {
    const stdin = this.#process?.stdin
    if (!stdin?.writable || bytes.length === 0) return Promise.resolve()
    this.#written = new Promise((resolve) => {
      stdin.write(bytes, () => resolve())
    })
    return this.#written
  }

  /**
   * Sends bytes to its standard input once all that was sent before has been read.
   * @returns resolves when they are on their way; with null, and they are not sent, when the signal fired or it has ended
   */
  async send(bytes: Buffer, signal: AbortSignal): Promise<{ sent: Promise<void> } | null> {
    const aborted = new Promise<void>((resolve) => {
      signal.addEventListener('abort', () => resolve(), { once: true })
    })
    while (this.hasUnreadInput && !signal.aborted) await Promise.race([this.#written, aborted])
    if (signal.aborted || !this.isRunning) return null
    return { sent: this.write(bytes) }
  }

  closeInput(): void {
    this.#process?.stdin.end()
  }

  /** Sends a signal to it and its group. */
  signal(number: number): void {
    if (this.isRunning) this.#process?.signal(number)
  }

  /** Sets the size of its terminal. */
  resize(columns: number, rows: number): void {
    if (this.record.hasTerminal) this.#process?.resize(columns, rows)
  }

  /** Ends it with its group. */
  kill(): void {
    this.#process?.release()
  }

  /** Drops what is kept of its output, its variables, and what makes its arguments long. */
  shrink(): void {
    this.#ring.clear()
    const { record } = this
    record.env = {}
    let left = CUT_CHARS
    record.argv = record.argv.flatMap((word) => {
      if (left <= 0) return []
      const cut = word.slice(0, left)
      left -= cut.length + 1
      return [cut]
    })
  }

  async #follow(process: SessionProcess): Promise<void> {
    const deadline = this.#endInTime(process)
    for (const name of ['stdout', 'stderr'] as const) {
      process[name].on('data', (chunk: Buffer) => {
        this.#ring.add(name, chunk)
        this.#tell()
        this.#pace.add(chunk.length)
        this.#regulate()
      })
    }
    const exited = await process.exited.catch(() => null)
    clearTimeout(deadline)
    await this.#restOf(process)
    // What it has left running is told that nobody reads it.
    process.stdout.destroy()
    process.stderr.destroy()
    this.#noteEnd(exited)
    this.#process = null
    this.#tell()
  }

  #endInTime(process: SessionProcess): NodeJS.Timeout | undefined {
    const { deadlineAtMs } = this.record
    const leftMs = (deadlineAtMs ?? Infinity) - Date.now()
    if (leftMs > MAX_TIMER_MS) return undefined
    const timer = setTimeout(() => {
      this.#isLate = true
      process.release()
    }, leftMs)
    return timer.unref()
  }

  /** What it wrote before its end has come, and is read when no reader holds it up. */
  async #restOf({ stdout, stderr }: SessionProcess): Promise<void> {
    for (let turn = 0; turn < 10; turn++) await new Promise(setImmediate)
    while (stdout.readableLength + stderr.readableLength > 0) {
      if (this.#isHeldUp) await this.#changed
      else await new Promise(setImmediate)
    }
  }

  #noteEnd(exited: ProcessEnd | null): void {
    const { record } = this
    record.endedAtMs = Date.now()
    // They are told of while it runs.
    record.env = {}
    const ended = exited !== null && exited.signal > 0 ? 'signal' : 'exit'
    record.end = exited === null ? 'lost' : this.#isLate ? 'time' : ended
    record.exitCode = exited && exited.signal === 0 ? exited.exitCode : null
    record.signal = exited && exited.signal > 0 ? exited.signal : null
  }

  /** Reads the process, or holds it up. */
  #regulate(): void {
    const process = this.#process
    if (!process) return
    const next = this.#ring.next
    const lags = [...this.#readers].some(({ position }) => next - position > LAG_BYTES)
    const isHeldUp = lags || this.#pace.isSpent
    if (isHeldUp === this.#isHeldUp) return
    this.#isHeldUp = isHeldUp
    for (const stream of [process.stdout, process.stderr]) {
      if (isHeldUp) stream.pause()
      else stream.resume()
    }
    this.#tell()
  }

  #nextChange(): Promise<void> {
    return new Promise((resolve) => {
      this.#wake = resolve
    })
  }

  #tell(): void {
    const wake = this.#wake
    this.#changed = this.#nextChange()
    wake()
  }
}
