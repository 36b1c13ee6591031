import { Duplex, PassThrough, type Readable, type Writable } from 'node:stream'
import { scaledMs } from '../lib/time-scale.ts'
import { Channel, type ChannelState } from './channel.ts'
import { encodeFrame, FrameError, FrameParser } from './frames.ts'
import { SessionProcess } from './session-process.ts'
import {
  BUILTIN,
  ChannelError,
  EMFILE,
  encodeStart,
  FROM,
  MAX_CHANNELS,
  MAX_PAYLOADS,
  type Program,
  SessionLostError,
  STDIN,
  STDOUT,
  TO,
} from './session-protocol.ts'

/** How long a supervisor may take to answer. It does so in milliseconds, unless all processors are busy. */
const ANSWER_MS = scaledMs(30_000)

/** Many processes and connections of one session's sandbox. It trusts nothing that it reads. */
export class Channels {
  /** Resolves when the sandbox has ended, or said what the protocol does not allow. */
  readonly ended: Promise<void>
  /** Set while the sandbox stands still and cannot answer. */
  isStill = false
  #input: Writable
  readonly #frames = new FrameParser((type) => MAX_PAYLOADS[type])
  readonly #channels = new Map<number, Channel>()
  #lastNumber = 0
  #onPaused: { resolve: () => void; reject: (error: Error) => void } | null = null
  #isAsleep = false
  #slept: ChannelState[] = []
  /** Frames for a sandbox that does not read, by channel; null: it reads. */
  #held: { readonly number: number; readonly frame: Buffer }[] | null = null
  #lost: SessionLostError | null = null
  #end: () => void = () => {}

  constructor(input: Writable, output: Readable) {
    this.#input = input
    this.ended = new Promise((resolve) => {
      this.#end = resolve
    })
    this.reattach(input, output)
  }

  /** Those of a sandbox that another manager checkpointed, until it is restored. */
  static asleep(states: readonly ChannelState[]): Channels {
    const channels = new Channels(new PassThrough(), new PassThrough())
    channels.#isAsleep = true
    channels.#held = []
    channels.#slept = [...states]
    return channels
  }

  /** What has to be written down while it is paused, so that another manager can go on. */
  state(): ChannelState[] {
    const living = [...this.#channels.values()].flatMap((channel) => {
      const frames = (this.#held ?? []).filter(({ number }) => number === channel.number)
      const begins = frames.some(({ frame }) => frame[4] === TO.START || frame[4] === TO.CONNECT)
      const held = Buffer.concat(frames.map(({ frame }) => frame)).toString('base64')
      // Nobody waits any more for what has not begun.
      return begins ? [] : [{ ...channel.state(), held }]
    })
    return [...this.#slept, ...living]
  }

  /**
   * Takes over a process of a sandbox that another manager checkpointed, before that is restored.
   * @returns null when there is no such channel
   */
  adopt(number: number, pid: number, hasTerminal: boolean): SessionProcess | null {
    const index = this.#slept.findIndex((state) => state.number === number && state.isStarted)
    const [state] = index < 0 ? [] : this.#slept.splice(index, 1)
    if (!state) return null
    const channel = this.#newChannel(number)
    const terminal = hasTerminal ? { terminal: { columns: 0, rows: 0 } } : {}
    const process = new SessionProcess(channel, pid, terminal)
    this.#goOn(channel, state)
    return process
  }

  /** Goes on, after pause(), with the sandbox that was restored from the paused one. */
  reattach(input: Writable, output: Readable): void {
    this.#input = input
    const isCurrent = () => this.#input === input
    output.on('data', (chunk: Buffer) => isCurrent() && this.#read(chunk))
    const onEnd = () => isCurrent() && !this.#isAsleep && this.#lose('the sandbox has ended')
    output.on('error', onEnd)
    output.on('close', onEnd)
    input.on('error', () => {})
    for (const state of this.#slept.splice(0)) this.#goOn(this.#newChannel(state.number), state)
  }

  #goOn(channel: Channel, state: ChannelState): void {
    const { number, held } = state
    this.#lastNumber = Math.max(this.#lastNumber, number)
    if (held !== '') this.#held?.push({ number, frame: Buffer.from(held, 'base64') })
    channel.goOn(state)
  }

  /**
   * Starts a process. Resolves once the program is executed.
   * @throws ChannelError when the sandbox cannot start it, SessionLostError
   */
  async start(program: Program): Promise<SessionProcess> {
    const payload = encodeStart(program)
    const channel = this.#open()
    const started = new Promise<SessionProcess>((resolve, reject) => {
      channel.started = (pid) => resolve(new SessionProcess(channel, pid, program))
      channel.failed = reject
      channel.send(TO.START, payload)
    })
    return this.#within(started)
  }

  /**
   * Returns the process of a channel that has control, and that another manager started; null: it has ended.
   * @param channel see SessionProcess
   */
  takeOver(channel: number, pid: number): SessionProcess | null {
    const found = this.#channels.get(channel)
    return found ? new SessionProcess(found, pid, { hasControl: true }) : null
  }

  /**
   * Starts work on files (`session-files.c`).
   * @param words the verb and what it is done to
   * @throws ChannelError, SessionLostError
   */
  fileWork(words: readonly string[], user: Program['user']): Promise<SessionProcess> {
    return this.start({ argv: [BUILTIN, ...words], cwd: '/', env: {}, user })
  }

  /**
   * Connects to a port of the sandbox's 127.0.0.1.
   * @throws ChannelError with ECONNREFUSED and its like, SessionLostError
   */
  async connect(port: number): Promise<Duplex> {
    const channel = this.#open()
    const payload = Buffer.alloc(2)
    payload.writeUInt16LE(port, 0)
    const connected = new Promise<Duplex>((resolve, reject) => {
      channel.started = () => {
        const readable = channel.source(STDOUT)
        const writable = channel.sink(STDIN)
        const duplex = Duplex.from({ readable, writable })
        duplex.on('error', () => {})
        duplex.once('close', () => channel.release())
        resolve(duplex)
      }
      channel.failed = reject
      channel.send(TO.CONNECT, payload)
    })
    return this.#within(connected)
  }

  /**
   * Has the supervisor say nothing more, so that no frame is cut by a checkpoint. Resolves once all that it
   * said before has been read. What is sent to it from now on waits until resume().
   * @throws SessionLostError
   */
  pause(): Promise<void> {
    const paused = new Promise<void>((resolve, reject) => {
      if (this.#lost) return reject(this.#lost)
      this.#onPaused = { resolve, reject }
      this.#input.write(encodeFrame(TO.PAUSE))
      this.#held ??= []
    })
    return this.#within(paused)
  }

  /** Ends a pause. */
  resume(): void {
    this.#isAsleep = false
    this.#input.write(encodeFrame(TO.RESUME))
    const held = this.#held ?? []
    this.#held = null
    for (const { frame } of held) this.#input.write(frame)
  }

  /** Ends all of them: the sandbox is gone, and none is restored from it. */
  end(why: string): void {
    this.#lose(why)
  }

  #open(): Channel {
    if (this.#lost) throw this.#lost
    if (this.#channels.size >= MAX_CHANNELS) throw new ChannelError(EMFILE)
    this.#lastNumber = (this.#lastNumber % 0xffff_ffff) + 1
    return this.#newChannel(this.#lastNumber)
  }

  #newChannel(number: number): Channel {
    const channel = new Channel(
      number,
      (frame) => {
        if (this.#held) this.#held.push({ number, frame })
        else this.#input.write(frame)
      },
      (answer) => void this.#within(answer).catch(() => {}),
    )
    this.#channels.set(number, channel)
    return channel
  }

  /** A supervisor that does not answer is in the hands of its guest: then the sandbox is given up. */
  async #within<T>(answer: Promise<T>): Promise<T> {
    const look = () => {
      if (this.isStill || this.#isAsleep) timer = setTimeout(look, ANSWER_MS)
      else this.#lose('its supervisor does not answer')
    }
    let timer = setTimeout(look, ANSWER_MS)
    try {
      return await answer
    } finally {
      clearTimeout(timer)
    }
  }

  #read(chunk: Buffer): void {
    if (this.#lost) return
    try {
      for (const { type, payload } of this.#frames.push(chunk)) this.#take(type, payload)
    } catch (error) {
      if (!(error instanceof FrameError)) throw error
      this.#lose(error.message)
    }
  }

  #take(type: number, payload: Buffer): void {
    if (type === FROM.PAUSED) {
      if (!this.#onPaused) throw new FrameError('PAUSED without PAUSE')
      this.#isAsleep = true
      this.#onPaused.resolve()
      this.#onPaused = null
      return
    }
    const channel = payload.length < 4 ? undefined : this.#channels.get(payload.readUInt32LE(0))
    if (!channel) throw new FrameError(`frame of type ${type} of no channel`)
    channel.take(type, payload.subarray(4))
    if (channel.isOver) this.#channels.delete(channel.number)
  }

  #lose(why: string): void {
    if (this.#lost) return
    this.#lost = new SessionLostError(why)
    this.#onPaused?.reject(this.#lost)
    for (const channel of this.#channels.values()) channel.lose(this.#lost)
    this.#channels.clear()
    this.#end()
  }
}
