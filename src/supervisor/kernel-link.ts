import type { Writable } from 'node:stream'
import type { Collector } from '../run/collect.ts'
import { decodeBundle } from '../run/mime-bundle.ts'
import type { RunLimits } from '../run/types.ts'
import { decodeFailure, decodePrintedError } from './decode.ts'
import { FrameError, FrameParser, FrameTooLongError } from './frames.ts'
import {
  decodeEnded,
  encodeKernelRun,
  type KernelTask,
  maxKernelPayload,
} from './kernel-protocol.ts'
import { Pace } from './pace.ts'
import { CONTROL_FRAME, isShown, maxControlBytes } from './protocol.ts'
import type { SessionProcess } from './session-process.ts'

/**
 * How a run in a kernel ended. `ended`: the kernel waits for another. After all others it is gone: `exited`, its
 * process ended; `broke`, it said what it must not, and was ended; `lost`, the sandbox ended.
 */
export type KernelEnd =
  | { readonly how: 'ended'; readonly exitCode: number }
  | { readonly how: 'exited'; readonly exitCode: number; readonly signal: number }
  | { readonly how: 'broke'; readonly violation: 'output' | 'protocol' }
  | { readonly how: 'lost' }

/** What a link that another manager had says of itself, so that it can go on. */
export interface LinkState {
  /** The token of the run in progress; null: no run is in progress. */
  readonly token: string | null
  /** The beginning of a frame, in base64. */
  readonly pending: string
}

/** The process may close its control pipe shortly before its end is told. */
const END_MS = 1000
const SIGINT = 2
/** Of the output between two runs the last so many bytes are kept for the next run. */
const BETWEEN_BYTES = 64 * 1024

/**
 * The talk with one kernel:
 *
 *   starting ──READY──► idle ◄──ENDED── running
 *                         └────run()──────▲
 *   any ──► over: its process has ended, it broke the rules, or the sandbox ended
 *
 * It trusts nothing that it reads: every stream is counted, and the first break of the rules ends the process.
 */
export class KernelLink {
  /** Resolves when the kernel is gone. */
  readonly over: Promise<KernelEnd>
  readonly #process: SessionProcess
  readonly #input: Writable
  readonly #limits: RunLimits
  readonly #frames: FrameParser
  #state: 'starting' | 'idle' | 'running' | 'over'
  #token: string
  #collector: Collector | null = null
  #controlBytes = 0
  #isFlooded = false
  #onFlood: () => void = () => {}
  #finish: (end: KernelEnd) => void = () => {}
  #over: (end: KernelEnd) => void = () => {}
  #ready: () => void = () => {}
  #idle: Promise<void> = Promise.resolve()
  #becomeIdle: () => void = () => {}
  /** Bounds what arrives while no collector does. */
  readonly #pace = new Pace(() => this.#regulate())
  readonly #between = { stdout: Buffer.alloc(0), stderr: Buffer.alloc(0) }

  /** @param state of a kernel that another manager started; null: it was started just now */
  constructor(process: SessionProcess, limits: RunLimits, state: LinkState | null) {
    const { control } = process
    if (!control) throw new Error('a kernel has control pipes')
    this.#process = process
    this.#input = control.input
    this.#limits = limits
    this.#state = state === null ? 'starting' : state.token === null ? 'idle' : 'running'
    this.#token = state?.token ?? ''
    if (this.#state === 'running') this.#idle = this.#untilIdle()
    this.#frames = new FrameParser((type) =>
      maxKernelPayload(this.#limits, this.#collector?.roomToShow ?? limits.outputBytes)(type),
    )
    this.over = new Promise((resolve) => {
      this.#over = resolve
    })
    if (state?.pending) this.#read(Buffer.from(state.pending, 'base64'))
    for (const name of ['stdout', 'stderr'] as const) {
      process[name].on('data', (chunk: Buffer) => this.#print(name, chunk))
    }
    control.output.on('data', (chunk: Buffer) => this.#read(chunk))
    control.output.once('end', () => {
      setTimeout(() => this.#end({ how: 'broke', violation: 'protocol' }), END_MS).unref()
    })
    process.exited.then(
      ({ exitCode, signal }) => this.#end({ how: 'exited', exitCode, signal }),
      () => this.#end({ how: 'lost' }),
    )
  }

  get isOver(): boolean {
    return this.#state === 'over'
  }

  state(): LinkState {
    return {
      token: this.#state === 'running' ? this.#token : null,
      pending: this.#frames.pending().toString('base64'),
    }
  }

  /** Resolves when the kernel takes its first run, or is gone. */
  ready(): Promise<void> {
    if (this.#state !== 'starting') return this.#idle
    return new Promise((resolve) => {
      this.#ready = resolve
    })
  }

  /**
   * Has the kernel run a program; there is one at a time.
   * @param call is written to its standard input
   * @param onFlood called once when it says more than it may; the rest is dropped
   */
  run(
    task: KernelTask,
    token: string,
    call: string,
    collector: Collector,
    onFlood: () => void,
  ): Promise<KernelEnd> {
    if (this.#state !== 'idle') return this.over
    this.#state = 'running'
    this.#token = token
    this.#collector = collector
    this.#controlBytes = 0
    this.#isFlooded = false
    this.#onFlood = onFlood
    this.#idle = this.#untilIdle()
    for (const name of ['stdout', 'stderr'] as const) {
      const printed = this.#between[name]
      this.#between[name] = Buffer.alloc(0)
      if (printed.length > 0) this.#print(name, printed)
    }
    const ended = new Promise<KernelEnd>((resolve) => {
      this.#finish = resolve
    })
    this.#input.write(encodeKernelRun(task, token))
    if (call !== '') this.#process.stdin.write(call)
    return ended
  }

  /** Interrupts what runs, as control-C does. */
  interrupt(): void {
    if (this.#state === 'running') this.#process.signal(SIGINT)
  }

  /** Ends the process and its group. */
  kill(): void {
    if (this.#state !== 'over') this.#process.release()
  }

  #untilIdle(): Promise<void> {
    return new Promise((resolve) => {
      this.#becomeIdle = resolve
    })
  }

  #print(name: 'stdout' | 'stderr', chunk: Buffer): void {
    this.#pace.add(chunk.length)
    if (this.#pace.isSpent) this.#regulate()
    if (this.#state === 'running') {
      // Nobody waits for a run that another manager began.
      if (!this.#collector || this.#isFlooded) return
      if (!this.#collector.addOutput(name, chunk)) this.#flood()
    } else if (this.#state === 'idle') {
      const most = Math.min(BETWEEN_BYTES, Math.floor(this.#limits.outputBytes / 2))
      this.#between[name] = Buffer.concat([this.#between[name], chunk]).subarray(-most)
    }
  }

  /** Reads what it prints, or holds it up for a moment. */
  #regulate(): void {
    for (const stream of [this.#process.stdout, this.#process.stderr]) {
      if (this.#pace.isSpent) stream.pause()
      else stream.resume()
    }
  }

  #flood(): void {
    if (this.#isFlooded) return
    this.#isFlooded = true
    this.#onFlood()
  }

  #read(chunk: Buffer): void {
    if (this.#state === 'over') return
    try {
      this.#controlBytes += chunk.length
      for (const { type, payload } of this.#frames.push(chunk)) this.#take(type, payload)
      if (this.#controlBytes > 2 * maxControlBytes(this.#limits, true)) {
        throw new FrameTooLongError(CONTROL_FRAME.DISPLAY, this.#controlBytes)
      }
    } catch (error) {
      if (!(error instanceof FrameError)) throw error
      const isTooLong = error instanceof FrameTooLongError
      if (isTooLong && this.#collector) {
        this.#collector.transcript.flooded = isShown(error.type) ? 'displays' : 'result'
      }
      this.#end({ how: 'broke', violation: isTooLong ? 'output' : 'protocol' })
    }
  }

  #take(type: number, payload: Buffer): void {
    if (type === CONTROL_FRAME.READY && this.#state === 'starting') {
      this.#state = 'idle'
      this.#controlBytes = 0
      this.#ready()
    } else if (this.#state !== 'running') {
      throw new FrameError(`control frame of type ${type} without a run`)
    } else if (type === CONTROL_FRAME.ENDED) {
      const exitCode = decodeEnded(payload, this.#token)
      if (exitCode === null) throw new FrameError('the end of another run')
      this.#state = 'idle'
      this.#collector = null
      this.#controlBytes = 0
      this.#becomeIdle()
      this.#finish({ how: 'ended', exitCode })
    } else if (this.#collector) {
      this.#collect(this.#collector, type, payload)
    }
  }

  #collect(collector: Collector, type: number, payload: Buffer): void {
    if (isShown(type)) {
      const bundle = decodeBundle(payload)
      if (!bundle) throw new FrameError('what a cell shows is no MIME bundle')
      if (this.#isFlooded) return
      if (type === CONTROL_FRAME.VALUE) collector.setValue(bundle, payload.length)
      else if (!collector.addDisplay(bundle, payload.length)) this.#flood()
    } else if (type === CONTROL_FRAME.RESULT) collector.setResult(payload)
    else if (type === CONTROL_FRAME.FAILURE) collector.setFailure(decodeFailure(payload))
    else if (type === CONTROL_FRAME.ERROR) collector.setPrintedError(decodePrintedError(payload))
    else if (type === CONTROL_FRAME.NOTE) collector.setNote(payload.toString('utf8'))
    else throw new FrameError(`control frame of type ${type} in a run`)
  }

  #end(end: KernelEnd): void {
    if (this.#state === 'over') return
    this.#state = 'over'
    if (end.how !== 'lost') this.#process.release()
    this.#ready()
    this.#becomeIdle()
    this.#finish(end)
    this.#over(end)
  }
}
