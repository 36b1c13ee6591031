import type { Socket } from 'node:net'
import { constants } from 'node:os'
import { StringDecoder } from 'node:string_decoder'
import type { WebSocket } from '@fastify/websocket'
import { scaledMs } from '../../lib/time-scale.ts'
import type { KeptCommand } from '../../sessions/kept-command.ts'
import type { Budget, Entry } from '../accounts.ts'
import type { Answers, Backlog } from '../answers.ts'
import { signalName } from '../v1/present.ts'
import { type Program, type ProgramHost, startProgram, wordsOf } from './conversation-program.ts'

/** Of https://www.rfc-editor.org/rfc/rfc6455#section-7.4.1, and those of Piston. */
const [GOING_AWAY, TRY_LATER] = [1001, 1013]
const [TWICE, LATE, TOLD, NOT_BEGUN, NO_STDIN, NO_SIGNAL, DONE] = [
  ...[4000, 4001, 4002, 4003, 4004, 4005, 4999],
] as [number, number, number, number, number, number, number]
/** How long a client may take to say what is to be run. */
const INIT_MS = scaledMs(10_000)
const MAX_INPUT_BYTES = 1024 ** 2
const MAX_UNSENT_BYTES = 256 * 1024
/** What a client has not taken of answers to its pings. */
const MAX_UNSENT_PONGS = 64 * 1024
/** How long a program may leave its input unread before its client is let go. */
const MAX_UNREAD_MS = scaledMs(60_000)

export interface ConversationOptions extends ProgramHost {
  readonly answers: Answers
  readonly frames: Budget
  /** The service stops. */
  readonly stopping: AbortSignal
}

/**
 * A client and its program, as Piston has them: all frames are text. `init` from the client begins the program, `data`
 * and `signal` go to it; it is told `runtime`, `stage`, `data` and `exit`. The program ends when the client goes.
 */
export class Conversation {
  readonly #webSocket: WebSocket
  readonly #options: ConversationOptions
  readonly #gone = new AbortController()
  readonly #backlog: Backlog
  /** Bytes of frames that have not gone on, on the caller's account. */
  #arriving: Entry
  #state: 'new' | 'begun' | KeptCommand = 'new'

  constructor(webSocket: WebSocket, socket: Socket, options: ConversationOptions) {
    this.#webSocket = webSocket
    this.#options = options
    this.#arriving = this.#account()
    this.#backlog = options.answers.backlog(options.caller, socket)
    socket.prependListener('data', (chunk: Buffer) => {
      if (!this.#arriving.add(chunk.length)) this.#close(TRY_LATER, 'too much is held for you')
    })
    const late = setTimeout(() => this.#close(LATE, 'Initialization Timeout'), INIT_MS)
    webSocket.on('message', (data: Buffer) => {
      clearTimeout(late)
      this.#take(data)
    })
    webSocket.on('ping', (data: Buffer) => {
      if (webSocket.bufferedAmount > MAX_UNSENT_PONGS + MAX_UNSENT_BYTES) webSocket.terminate()
      else webSocket.pong(data)
    })
    const stop = () => this.#close(GOING_AWAY, 'the service stops')
    options.stopping.addEventListener('abort', stop, { once: true })
    webSocket.on('close', () => {
      clearTimeout(late)
      options.stopping.removeEventListener('abort', stop)
      this.#arriving.release()
      this.#gone.abort()
    })
    if (options.stopping.aborted) stop()
  }

  #take(data: Buffer): void {
    const entry = this.#arriving
    this.#arriving = this.#account()
    const words = wordsOf(data)
    if (this.#state === 'new') {
      if (words.type !== 'init') {
        entry.release()
        this.#close(NOT_BEGUN, 'Not yet Initialized')
        return
      }
      this.#state = 'begun'
      void this.#run(data).finally(() => entry.release())
      return
    }
    if (words.type === 'init') this.#close(TWICE, 'Already Initialized')
    else if (words.type === 'data') {
      if (words.stream === 'stdin') {
        this.#input(words.data, entry)
        return
      }
      this.#close(NO_STDIN, 'Can only write to stdin')
    } else if (words.type === 'signal') this.#signal(words.signal)
    else this.#fail('message has no type that is known')
    entry.release()
  }

  /** No more is taken from the client before the program has taken this. */
  #input(input: Buffer, entry: Entry): void {
    const command = this.#state
    if (typeof command === 'string' || input.length > MAX_INPUT_BYTES) {
      entry.release()
      const said = typeof command === 'string' ? 'wait for stage' : 'send less input at once'
      this.#fail(said)
      return
    }
    this.#webSocket.pause()
    // Of a connection that is not read it shows nowhere that the client has gone.
    const late = setTimeout(() => this.#webSocket.terminate(), MAX_UNREAD_MS)
    void command.write(input).then(() => {
      clearTimeout(late)
      entry.release()
      this.#webSocket.resume()
    })
  }

  #signal(name: string): void {
    const number = constants.signals[name as NodeJS.Signals]
    if (number === undefined) this.#close(NO_SIGNAL, 'Invalid signal')
    else if (typeof this.#state !== 'string') this.#state.signal(number)
  }

  /** Never throws. */
  async #run(init: Buffer): Promise<void> {
    let program: Program | null = null
    try {
      program = await startProgram(init, this.#options, this.#gone.signal)
      const { runtime, command, outputBytes } = program
      this.#state = command
      const { language, version } = runtime
      this.#tell({ type: 'runtime', language, version })
      this.#tell({ type: 'stage', stage: 'run' })
      await this.#show(command, outputBytes)
      if (this.#gone.signal.aborted) return
      const { exitCode: code, signal, end } = command.record
      const killed = end === 'time' || end === 'lost' ? 'SIGKILL' : null
      const name = signal === null ? killed : signalName(signal)
      this.#tell({ type: 'exit', stage: 'run', code: name === null ? code : null, signal: name })
      this.#close(DONE, 'Job Completed')
    } catch (error) {
      this.#fail(this.#options.sayOf(error as Error))
    } finally {
      await program?.end()
    }
  }

  async #show(command: KeptCommand, most: number): Promise<void> {
    const decoders = { stdout: new StringDecoder(), stderr: new StringDecoder() }
    const left = { stdout: most, stderr: most }
    for await (const { stream, bytes } of command.output(0, this.#gone.signal)) {
      const kept = bytes.subarray(0, left[stream])
      left[stream] -= kept.length
      const data = decoders[stream].write(kept)
      if (data !== '') await this.#tell({ type: 'data', stream, data })
      if (kept.length === bytes.length) continue
      command.signal(constants.signals.SIGKILL)
      break
    }
    if (this.#gone.signal.aborted) return
    await command.ended
    for (const stream of ['stdout', 'stderr'] as const) {
      const data = decoders[stream].end()
      if (data !== '') this.#tell({ type: 'data', stream, data })
    }
  }

  /** Resolves when the client may be sent more. */
  #tell(words: object): Promise<void> {
    const webSocket = this.#webSocket
    if (webSocket.readyState !== webSocket.OPEN) return Promise.resolve()
    const frame = JSON.stringify(words)
    const bytes = Buffer.byteLength(frame)
    this.#backlog.add(bytes)
    const sent = new Promise<void>((resolve) => {
      webSocket.send(frame, () => {
        this.#backlog.sent(bytes)
        resolve()
      })
    })
    return webSocket.bufferedAmount > MAX_UNSENT_BYTES ? sent : Promise.resolve()
  }

  #fail(message: string): void {
    void this.#tell({ type: 'error', message: message.slice(0, 300) })
    this.#close(TOLD, 'Notified Error')
  }

  #account(): Entry {
    const { frames, caller } = this.#options
    return frames.open(caller, () => this.#webSocket.terminate())
  }

  #close(code: number, reason: string): void {
    this.#gone.abort()
    this.#webSocket.close(code, reason)
  }
}
