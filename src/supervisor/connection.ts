import type { Readable, Writable } from 'node:stream'
import { Collector } from '../run/collect.ts'
import { decodeBundle } from '../run/mime-bundle.ts'
import type { Transcript } from '../run/record.ts'
import type { Task } from '../run/task.ts'
import type { RunEvent, RunLimits } from '../run/types.ts'
import {
  decodeArtifact,
  decodeFailure,
  decodeLeftOut,
  decodePrintedError,
  decodeReport,
} from './decode.ts'
import { FrameError, FrameParser, FrameTooLongError } from './frames.ts'
import {
  ARTIFACT,
  CONTROL,
  CONTROL_FRAME,
  EXIT,
  encodeEnd,
  encodeInterrupt,
  encodePing,
  encodeRun,
  isShown,
  LEFT_OUT,
  maxControlBytes,
  maxControlPayload,
  maxSupervisorPayload,
  mayShow,
  NEXT,
  STDERR,
  STDOUT,
} from './protocol.ts'

/**
 * The talk with the supervisor of one executor, from READY to the last EXIT.
 *
 *   waiting ──PONG──► idle ──run(), runKept()──► running ──EXIT, violation or end of stream──► ended
 *      │               │ ▲                          │                                            ▲
 *      │               │ └──────NEXT and EXIT───────┘                                            │
 *      └───────────────┴────────────── violation or end of stream ───────────────────────────────┘
 *
 * It trusts nothing that it reads: every stream is counted, and the first break of the rules ends
 * the connection. It has no clock: whoever holds the sandbox sets deadlines and kills it, which ends
 * the stream here.
 */
export class Connection {
  readonly #input: Writable
  /** Those of the run, from its begin on. */
  #limits: RunLimits
  #mayShow = false
  /** Whether the run is one of several, and its supervisor waits for another. */
  #isKept = false
  #hasNext = false
  readonly #frames: FrameParser
  readonly #control: FrameParser
  #controlBytes = 0
  /** All that came from the sandbox so far. */
  bytesRead = 0
  #bootOutput = ''
  #isInspected = false
  #state: 'waiting' | 'idle' | 'running' | 'ended' = 'waiting'
  #expected: { frame: number; resolve: () => void; reject: (error: Error) => void } | null = null
  #finish: ((transcript: Transcript) => void) | null = null
  /** Keeps what is said in the run; before that nothing is said to it. */
  #collector: Collector

  /** @param limits of what is said before the run */
  constructor(input: Writable, output: Readable, limits: RunLimits) {
    this.#input = input
    this.#limits = limits
    this.#collector = new Collector(limits)
    this.#frames = new FrameParser((type) => maxSupervisorPayload(this.#limits)(type))
    this.#control = new FrameParser((type) => {
      const roomToShow = this.#mayShow ? this.#collector.roomToShow : null
      return maxControlPayload(this.#limits, roomToShow)(type)
    })
    output.on('data', (chunk: Buffer) => this.#read(chunk))
    output.on('error', () => this.#end(null))
    output.on('close', () => this.#end(null))
    // ECONNRESET or EPIPE: the other end of the socket closed with bytes in it that nobody had read.
    input.on('error', () => {
      const { hasSpoken, transcript } = this.#collector
      if (!hasSpoken) transcript.isTaskUnread = true
    })
  }

  /**
   * Resolves when the runner is loaded; rejects when the sandbox ends before that. Not for a sandbox
   * that was restored, whose runner said so before its snapshot was taken.
   */
  ready(): Promise<void> {
    return this.#expect(CONTROL_FRAME.READY)
  }

  /**
   * One exchange over the way that a run takes, and the last before the run. Without it a restored
   * executor would share its randomness with all others of its snapshot.
   * @param policy the code policy as the runner takes it; null: the code is not inspected
   */
  ping(policy: Buffer | null): Promise<void> {
    const answered = this.#expect(CONTROL_FRAME.PONG)
    this.#isInspected = policy !== null
    this.#input.write(encodePing(policy))
    return answered
  }

  /**
   * Sends the task. Resolves once with what was said until EXIT, a violation or the end of the
   * stream, at once when the sandbox has ended already; never rejects.
   * @param onEvent told of output as it comes, synchronously; must not throw
   */
  run(task: Task, onEvent?: (event: RunEvent) => void): Promise<Transcript> {
    return this.#run(task, false, onEvent)
  }

  /** As run(), but the interpreter lives on, and so do its variables: see takesRuns. */
  runKept(task: Task, onEvent?: (event: RunEvent) => void): Promise<Transcript> {
    return this.#run(task, true, onEvent)
  }

  /** Whether a run can be begun. */
  get takesRuns(): boolean {
    return this.#state === 'idle'
  }

  /** Interrupts a kept run: its program gets SIGINT. Does nothing if no program runs. */
  interrupt(): void {
    if (this.#state === 'running' && this.#isKept) this.#input.write(encodeInterrupt())
  }

  #run(
    task: Task,
    isKept: boolean,
    onEvent: ((event: RunEvent) => void) | undefined,
  ): Promise<Transcript> {
    return new Promise((resolve) => {
      if (this.#state !== 'idle') {
        resolve({ ...this.#collector.transcript, violation: null, isTaskUnread: true })
        return
      }
      this.#limits = task.limits
      this.#mayShow = mayShow(task.mode, isKept)
      this.#isKept = isKept
      this.#hasNext = false
      this.#controlBytes = 0
      this.#collector = new Collector(task.limits, onEvent)
      this.#state = 'running'
      this.#finish = resolve
      this.#input.cork()
      for (const piece of encodeRun(task, isKept)) this.#input.write(piece)
      this.#input.uncork()
    })
  }

  /** Has the supervisor end the program of a run with a limit of processor time, and tell what it left. */
  endRun(): void {
    if (this.#state === 'running') this.#input.write(encodeEnd())
  }

  #expect(frame: number): Promise<void> {
    return new Promise((resolve, reject) => {
      if (this.#state === 'ended') reject(new Error('the sandbox has ended'))
      else this.#expected = { frame, resolve, reject }
    })
  }

  #read(chunk: Buffer): void {
    this.bytesRead += chunk.length
    if (this.#state === 'ended') return
    try {
      for (const { type, payload } of this.#frames.push(chunk)) {
        this.#take(type, payload)
        if ((this.#state as string) === 'ended') return
      }
    } catch (error) {
      if (!(error instanceof FrameError)) throw error
      this.#end(error instanceof FrameTooLongError ? 'output' : 'protocol', error.message)
    }
  }

  #take(type: number, payload: Buffer): void {
    if (type === CONTROL) {
      this.#controlBytes += payload.length
      if (
        payload.length === 0 ||
        this.#controlBytes > maxControlBytes(this.#limits, this.#mayShow)
      ) {
        throw new FrameError('an empty control frame, or too many')
      }
      this.#readControl(payload)
      return
    }
    if (this.#state !== 'running') {
      // Before the run the runner is ours: what it prints then may be told.
      if (type === STDOUT || type === STDERR) {
        this.#bootOutput = (this.#bootOutput + payload.toString('utf8')).slice(-2000)
        return
      }
      throw new FrameError(`frame of type ${type} before the run`)
    }
    const collector = this.#collector
    if (type === STDOUT || type === STDERR) {
      const stream = type === STDOUT ? 'stdout' : 'stderr'
      if (payload.length === 0) throw new FrameError(`an empty ${stream} frame`)
      if (!collector.addOutput(stream, payload)) this.#end('output')
    } else if (type === ARTIFACT) {
      const file = decodeArtifact(payload)
      if (!file || !collector.addFile(file)) throw new FrameError('malformed ARTIFACT, or too many')
    } else if (type === LEFT_OUT) {
      const file = decodeLeftOut(payload)
      if (!file || !collector.addLeftOut(file)) {
        throw new FrameError('malformed LEFT_OUT, or too many')
      }
    } else if (type === EXIT) {
      const report = decodeReport(payload)
      if (!report) throw new FrameError('malformed EXIT frame')
      collector.setReport(report)
      if (this.#hasNext) this.#goOn()
      else this.#end(null)
    } else if (type === NEXT) {
      if (!this.#isKept || this.#hasNext) throw new FrameError('a NEXT frame that nobody waits for')
      this.#hasNext = true
    }
  }

  #readControl(bytes: Buffer): void {
    try {
      for (const { type, payload } of this.#control.push(bytes)) this.#takeControl(type, payload)
    } catch (error) {
      if (error instanceof FrameTooLongError) {
        this.#collector.transcript.flooded = isShown(error.type) ? 'displays' : 'result'
      }
      throw error
    }
  }

  #takeControl(type: number, payload: Buffer): void {
    const collector = this.#collector
    if (type === this.#expected?.frame && this.#state !== 'running') {
      if (type === CONTROL_FRAME.PONG) this.#state = 'idle'
      this.#expected.resolve()
      this.#expected = null
    } else if (this.#state !== 'running') {
      throw new FrameError(`control frame of type ${type} before the run`)
    } else if (type === CONTROL_FRAME.REFUSED && this.#isInspected && !collector.hasSpoken) {
      // Code that is refused never ran: a refusal after anything else was said is forged.
      collector.setRefused(payload.toString('utf8'))
    } else if (collector.transcript.refused !== null) {
      throw new FrameError(`control frame of type ${type} after a refusal`)
    } else if (isShown(type)) {
      this.#takeShown(type, payload)
    } else if (type === CONTROL_FRAME.RESULT) {
      collector.setResult(payload)
    } else if (type === CONTROL_FRAME.FAILURE) {
      collector.setFailure(decodeFailure(payload))
    } else if (type === CONTROL_FRAME.ENDED && this.#isKept) {
      // The supervisor tells it again, and for sure.
    } else if (type === CONTROL_FRAME.ERROR) {
      collector.setPrintedError(decodePrintedError(payload))
    } else if (type === CONTROL_FRAME.NOTE) {
      collector.setNote(payload.toString('utf8'))
    } else {
      throw new FrameError(`control frame of type ${type} in the run`)
    }
  }

  #takeShown(type: number, payload: Buffer): void {
    const bundle = decodeBundle(payload)
    if (!bundle) throw new FrameError('what a cell shows is no MIME bundle')
    if (type === CONTROL_FRAME.VALUE) this.#collector.setValue(bundle, payload.length)
    else if (!this.#collector.addDisplay(bundle, payload.length)) this.#end('output')
  }

  /** A kept run has ended, and another may come. */
  #goOn(): void {
    this.#state = 'idle'
    this.#finish?.(this.#collector.transcript)
    this.#finish = null
  }

  #end(violation: Transcript['violation'], why = 'the sandbox ended'): void {
    if (this.#state === 'ended') return
    const { hasSpoken, transcript } = this.#collector
    const isSilent = this.#state === 'running' && !hasSpoken && violation === null
    this.#state = 'ended'
    transcript.violation ??= violation
    this.#expected?.reject(new Error(this.#bootOutput ? `${why}: ${this.#bootOutput}` : why))
    this.#expected = null
    const finish = () => this.#finish?.(transcript)
    // The input tells whether the task was read, as soon as the sandbox is gone.
    if (isSilent && !this.#input.closed) this.#input.once('close', finish)
    else finish()
  }
}
