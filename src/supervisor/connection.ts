import type { Readable, Writable } from 'node:stream'
import type { Transcript } from '../run/record.ts'
import type { RunLimits } from '../run/types.ts'
import { appendChunk, FrameError, FrameParser, FrameTooLongError } from './frames.ts'
import {
  ARTIFACT,
  CONTROL,
  CONTROL_FRAME,
  decodeArtifact,
  decodeFailure,
  decodeLeftOut,
  decodeReport,
  EXIT,
  encodePing,
  encodeRun,
  LEFT_OUT,
  MAX_LEFT_OUT,
  maxControlBytes,
  maxControlPayload,
  maxSupervisorPayload,
  STDERR,
  STDOUT,
  type Task,
} from './protocol.ts'

/**
 * The talk with the supervisor of one executor, from READY to EXIT.
 *
 *   waiting ──PONG──► idle ──run()──► running ──EXIT, violation or end of stream──► ended
 *      └─────────────────┴──────────── violation or end of stream ─────────────────►
 *
 * It trusts nothing that it reads: every stream is counted, and the first break of the rules ends
 * the connection. It has no clock: whoever holds the sandbox sets deadlines and kills it, which ends
 * the stream here.
 */
export class Connection {
  readonly #input: Writable
  readonly #limits: RunLimits
  readonly #frames: FrameParser
  readonly #control: FrameParser
  readonly #counts = { stdout: 0, stderr: 0, control: 0, artifacts: 0 }
  /** All that came from the sandbox so far. */
  bytesRead = 0
  #bootOutput = ''
  #isInspected = false
  /** Whether a run has said anything yet. */
  #hasSpoken = false
  #state: 'waiting' | 'idle' | 'running' | 'ended' = 'waiting'
  #expected: { frame: number; resolve: () => void; reject: (error: Error) => void } | null = null
  #finish: ((transcript: Transcript) => void) | null = null
  readonly #transcript: Transcript = {
    stdout: [],
    stderr: [],
    result: null,
    note: null,
    failure: null,
    refused: null,
    artifacts: [],
    leftOut: [],
    report: null,
    violation: null,
    isTaskUnread: false,
    flooded: null,
  }

  constructor(input: Writable, output: Readable, limits: RunLimits) {
    this.#input = input
    this.#limits = limits
    this.#frames = new FrameParser(maxSupervisorPayload(limits))
    this.#control = new FrameParser(maxControlPayload(limits))
    output.on('data', (chunk: Buffer) => this.#read(chunk))
    output.on('error', () => this.#end(null))
    output.on('close', () => this.#end(null))
    // ECONNRESET or EPIPE: the other end of the socket closed with bytes in it that nobody had read.
    input.on('error', () => {
      if (!this.#hasSpoken) this.#transcript.isTaskUnread = true
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
   */
  run(task: Task): Promise<Transcript> {
    return new Promise((resolve) => {
      if (this.#state !== 'idle') {
        resolve({ ...this.#transcript, violation: null, isTaskUnread: true })
        return
      }
      this.#state = 'running'
      this.#finish = resolve
      this.#input.write(encodeRun(task, this.#limits))
    })
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
      this.#counts.control += payload.length
      if (payload.length === 0 || this.#counts.control > maxControlBytes(this.#limits)) {
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
    this.#hasSpoken = true
    if (type === STDOUT || type === STDERR) {
      const stream = type === STDOUT ? 'stdout' : 'stderr'
      this.#counts[stream] += payload.length
      if (payload.length === 0) throw new FrameError(`an empty ${stream} frame`)
      if (this.#counts[stream] > this.#limits.outputBytes) {
        this.#transcript.flooded = stream
        this.#end('output')
      } else appendChunk(this.#transcript[stream], payload)
    } else if (type === ARTIFACT) {
      const artifact = decodeArtifact(payload)
      if (!artifact || ++this.#counts.artifacts > this.#limits.artifacts) {
        throw new FrameError('an artifact that is none, or too many')
      }
      this.#transcript.artifacts.push(artifact)
    } else if (type === LEFT_OUT) {
      const file = decodeLeftOut(payload)
      if (!file || this.#transcript.leftOut.length === MAX_LEFT_OUT) {
        throw new FrameError('a file left out that is none, or too many')
      }
      this.#transcript.leftOut.push(file)
    } else if (type === EXIT) {
      const report = decodeReport(payload)
      if (!report) throw new FrameError('a report that is none')
      this.#transcript.report = report
      this.#end(null)
    }
  }

  #readControl(bytes: Buffer): void {
    try {
      for (const { type, payload } of this.#control.push(bytes)) this.#takeControl(type, payload)
    } catch (error) {
      if (error instanceof FrameTooLongError) this.#transcript.flooded = 'result'
      throw error
    }
  }

  #takeControl(type: number, payload: Buffer): void {
    if (type === this.#expected?.frame && this.#state !== 'running') {
      if (type === CONTROL_FRAME.PONG) this.#state = 'idle'
      this.#expected.resolve()
      this.#expected = null
    } else if (this.#state !== 'running') {
      throw new FrameError(`control frame of type ${type} before the run`)
    } else if (type === CONTROL_FRAME.REFUSED && this.#isInspected && !this.#hasSpoken) {
      // Code that is refused never ran: a refusal after anything else was said is forged.
      this.#hasSpoken = true
      this.#transcript.refused = payload.toString('utf8')
    } else if (this.#transcript.refused !== null) {
      throw new FrameError(`control frame of type ${type} after a refusal`)
    } else if (type === CONTROL_FRAME.RESULT) {
      this.#hasSpoken = true
      this.#transcript.result ??= payload
    } else if (type === CONTROL_FRAME.FAILURE) {
      this.#hasSpoken = true
      this.#transcript.failure ??= decodeFailure(payload)
    } else if (type === CONTROL_FRAME.NOTE) {
      this.#hasSpoken = true
      this.#transcript.note ??= payload.toString('utf8')
    } else {
      throw new FrameError(`control frame of type ${type} in the run`)
    }
  }

  #end(violation: Transcript['violation'], why = 'the sandbox ended'): void {
    if (this.#state === 'ended') return
    const isSilent = this.#state === 'running' && !this.#hasSpoken && violation === null
    this.#state = 'ended'
    this.#transcript.violation ??= violation
    this.#expected?.reject(new Error(this.#bootOutput ? `${why}: ${this.#bootOutput}` : why))
    this.#expected = null
    const finish = () => this.#finish?.(this.#transcript)
    // The input tells whether the task was read, as soon as the sandbox is gone.
    if (isSilent && !this.#input.closed) this.#input.once('close', finish)
    else finish()
  }
}
