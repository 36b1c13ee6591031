import { Readable, Writable } from 'node:stream'
import { encodeFrame, FrameError } from './frames.ts'
import {
  CHUNK_BYTES,
  ChannelError,
  CONTROL,
  FROM,
  type ProcessEnd,
  STDERR,
  STDOUT,
  TO,
  WINDOW_BYTES,
} from './session-protocol.ts'

/** Of each open output how much may still come, of each input how much may still be sent; in bytes. */
export interface ChannelState {
  readonly number: number
  /** Whether the sandbox has said that it is there. */
  readonly isStarted: boolean
  /** Frames in base64 that were sent while the sandbox could not read. */
  readonly held: string
  readonly hasProcess: boolean
  readonly granted: readonly (readonly [stream: number, bytes: number])[]
  readonly windows: readonly (readonly [stream: number, bytes: number])[]
}

interface Source {
  readonly stream: Readable
  open: boolean
  granted: number
  /** What has come and was not granted anew. */
  unread: number
}

/** One channel as this side sees it. */
export class Channel {
  readonly number: number
  readonly exited: Promise<ProcessEnd>
  /** Resolves when nothing more is said of it. */
  readonly over: Promise<void>
  readonly #write: (frame: Buffer) => void
  readonly #mustAnswer: (answer: Promise<unknown>) => void
  #end: () => void = () => {}
  readonly #sources = new Map<number, Source>()
  readonly #sinks = new Map<number, { stream: Writable; window: number; wake: () => void }>()
  started: (pid: number) => void = () => {}
  failed: (error: Error) => void = () => {}
  #exit: (end: ProcessEnd) => void = () => {}
  #lose: (error: Error) => void = () => {}
  #hasProcess = true
  isStarted = false

  /**
   * @param write sends a frame
   * @param mustAnswer has the sandbox ended when a promise that depends on it takes too long
   */
  constructor(
    number: number,
    write: (frame: Buffer) => void,
    mustAnswer: (answer: Promise<unknown>) => void,
  ) {
    this.number = number
    this.#write = write
    this.#mustAnswer = mustAnswer
    this.over = new Promise((resolve) => {
      this.#end = resolve
    })
    this.exited = new Promise((resolve, reject) => {
      this.#exit = resolve
      this.#lose = reject
    })
    this.exited.catch(() => {})
  }

  /** Ends its process with its group, and closes its streams. */
  release(): void {
    if (this.isOver) return
    this.send(TO.RELEASE)
    this.#mustAnswer(this.over)
  }

  send(type: number, payload: Buffer = Buffer.alloc(0)): void {
    const head = Buffer.alloc(4)
    head.writeUInt32LE(this.number, 0)
    this.#write(encodeFrame(type, Buffer.concat([head, payload])))
  }

  #sendCount(type: number, stream: number, count: number): void {
    const payload = Buffer.alloc(5)
    payload[0] = stream
    payload.writeUInt32LE(count, 1)
    this.send(type, payload)
  }

  /** What has to be known of it to go on after a restart of the manager. */
  state(): Omit<ChannelState, 'held'> {
    const open = [...this.#sources].filter(([, source]) => source.open)
    return {
      number: this.number,
      isStarted: this.isStarted,
      hasProcess: this.#hasProcess,
      granted: open.map(([stream, { granted }]) => [stream, granted] as const),
      windows: [...this.#sinks].map(([stream, { window }]) => [stream, window] as const),
    }
  }

  /**
   * Goes on from the state that another manager wrote down. What waits for its start is released. An output that
   * nobody has taken is closed, but for those of a program that has control, which somebody takes over.
   */
  goOn({ isStarted, hasProcess, granted, windows }: ChannelState): void {
    if (!isStarted) {
      this.started = () => {
        for (const stream of [STDOUT, STDERR]) this.source(stream).destroy()
        this.release()
      }
      return
    }
    this.isStarted = true
    this.#hasProcess = hasProcess
    const isTakenOver = granted.some(([stream]) => stream === CONTROL)
    for (const [stream, bytes] of granted) {
      const isTaken = isTakenOver || this.#sources.has(stream)
      const readable = this.source(stream)
      if (!isTaken) readable.destroy()
      const source = this.#sources.get(stream) as Source
      source.granted = bytes
      source.unread = WINDOW_BYTES - bytes
    }
    const open = new Set(granted.map(([stream]) => stream))
    for (const [stream, source] of this.#sources) {
      if (open.has(stream)) continue
      source.open = false
      source.stream.push(null)
    }
    for (const [stream, window] of windows) {
      this.sink(stream)
      const sink = this.#sinks.get(stream)
      if (sink) sink.window = window
    }
  }

  /** What comes from the sandbox. More is asked for as it is read. */
  source(stream: number): Readable {
    const there = this.#sources.get(stream)
    if (there) return there.stream
    const readable = new Readable({
      highWaterMark: CHUNK_BYTES,
      read: () => {
        const state = this.#sources.get(stream)
        // While the most of a window is left nobody waits, and each grant wakes the sandbox.
        if (!state?.open || state.unread < WINDOW_BYTES / 4) return
        const { unread } = state
        state.unread = 0
        state.granted += unread
        this.#sendCount(TO.CREDIT, stream, unread)
      },
    })
    // Nobody reads it any more: whoever writes to it is told so, as by a pipe.
    readable.on('close', () => this.#closeSource(stream))
    readable.on('error', () => {})
    const granted = WINDOW_BYTES
    this.#sources.set(stream, { stream: readable, open: true, granted, unread: 0 })
    return readable
  }

  /** What goes to the sandbox, as fast as it is taken there. */
  sink(stream: number): Writable {
    const there = this.#sinks.get(stream)
    if (there) return there.stream
    const state = { stream: null as unknown as Writable, window: WINDOW_BYTES, wake: () => {} }
    this.#sinks.set(stream, state)
    const send = (chunk: Buffer, done: () => void) => {
      // Of a process that is gone nothing is taken any more: what is written is lost, as on a pipe.
      let rest = this.isOver ? chunk.subarray(0, 0) : chunk
      while (rest.length > 0 && state.window > 0) {
        const piece = rest.subarray(0, Math.min(CHUNK_BYTES, state.window))
        rest = rest.subarray(piece.length)
        state.window -= piece.length
        this.send(TO.WRITE, Buffer.concat([Buffer.of(stream), piece]))
      }
      if (rest.length === 0) done()
      else state.wake = () => send(rest, done)
    }
    const writable = new Writable({
      highWaterMark: CHUNK_BYTES,
      write: (chunk: Buffer, _encoding, done) => send(chunk, done),
      final: (done) => {
        if (!this.isOver) this.send(TO.CLOSE, Buffer.of(stream))
        done()
      },
    })
    writable.on('error', () => {})
    state.stream = writable
    return writable
  }

  /** @throws FrameError for what it may not say */
  take(type: number, payload: Buffer): void {
    if (!this.isStarted && type !== FROM.STARTED && type !== FROM.FAILED) {
      throw new FrameError(`frame of type ${type} before STARTED`)
    }
    if (type === FROM.STARTED) this.#takeStarted(payload)
    else if (type === FROM.FAILED) this.#takeFailed(payload)
    else if (type === FROM.OUTPUT) this.#takeOutput(payload)
    else if (type === FROM.ENDED) this.#takeEnded(payload)
    else if (type === FROM.TAKEN) this.#takeTaken(payload)
    else this.#takeExited(payload)
    if (!this.isOver) return
    this.#end()
    this.#wakeSinks()
  }

  #wakeSinks(): void {
    for (const state of this.#sinks.values()) {
      const { wake } = state
      state.wake = () => {}
      wake()
    }
  }

  #takeStarted(payload: Buffer): void {
    if (this.isStarted || payload.length !== 4) throw new FrameError('malformed STARTED')
    const pid = payload.readUInt32LE(0)
    this.isStarted = true
    this.#hasProcess = pid !== 0
    this.started(pid)
  }

  #takeFailed(payload: Buffer): void {
    if (this.isStarted || payload.length !== 4) throw new FrameError('malformed FAILED')
    this.#hasProcess = false
    this.failed(new ChannelError(payload.readUInt32LE(0)))
  }

  #takeOutput(payload: Buffer): void {
    const state = this.#sources.get(payload[0] ?? -1)
    const length = payload.length - 1
    if (!state?.open || length < 1 || length > state.granted)
      throw new FrameError('malformed OUTPUT')
    state.granted -= length
    state.unread += length
    if (!state.stream.destroyed) state.stream.push(payload.subarray(1))
  }

  #closeSource(stream: number): void {
    const isOutput = stream === STDOUT || stream === STDERR
    if (isOutput && this.#sources.get(stream)?.open) this.send(TO.CLOSE, Buffer.of(stream))
  }

  #takeEnded(payload: Buffer): void {
    const state = this.#sources.get(payload[0] ?? -1)
    if (!state?.open || payload.length !== 1) throw new FrameError('malformed ENDED')
    state.open = false
    if (!state.stream.destroyed) state.stream.push(null)
  }

  #takeTaken(payload: Buffer): void {
    const state = this.#sinks.get(payload[0] ?? -1)
    const count = payload.length === 5 ? payload.readUInt32LE(1) : 0
    if (!state || count < 1 || state.window + count > WINDOW_BYTES) {
      throw new FrameError('malformed TAKEN')
    }
    state.window += count
    const { wake } = state
    state.wake = () => {}
    wake()
  }

  #takeExited(payload: Buffer): void {
    if (!this.#hasProcess || payload.length !== 2) throw new FrameError('malformed EXITED')
    this.#hasProcess = false
    this.#exit({ exitCode: payload[0] as number, signal: payload[1] as number })
  }

  /** Whether nothing more is said of it. */
  get isOver(): boolean {
    return !this.#hasProcess && ![...this.#sources.values()].some(({ open }) => open)
  }

  lose(error: Error): void {
    this.failed(error)
    this.#lose(error)
    for (const { stream } of this.#sources.values()) stream.destroy(error)
    for (const state of this.#sources.values()) state.open = false
    this.#hasProcess = false
    this.#end()
    this.#wakeSinks()
  }
}
