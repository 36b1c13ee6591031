import type { Socket } from 'node:net'
import type { WebSocket } from '@fastify/websocket'
import { z } from 'zod'
import { scaledMs } from '../../lib/time-scale.ts'
import type { KeptCommand } from '../../sessions/kept-command.ts'
import type { Budget, Entry } from '../accounts.ts'
import type { Answers, Backlog } from '../answers.ts'

/** https://www.rfc-editor.org/rfc/rfc6455#section-7.4.1 */
const [NORMAL, GOING_AWAY, POLICY, TOO_BIG, TRY_LATER] = [1000, 1001, 1008, 1009, 1013]
/** Of one frame of input. */
const MAX_INPUT_BYTES = 1024 ** 2
/** What a client has not taken of the output, before no more is read of it. */
const MAX_UNSENT_BYTES = 256 * 1024
/** How long a terminal may leave its input unread before its client is let go. */
const MAX_UNREAD_MS = scaledMs(60_000)
/** What a client has not taken of answers to its pings. */
const MAX_UNSENT_PONGS = 64 * 1024

/** Columns or rows of a terminal (struct winsize). */
export const size = z.coerce.number().int().min(1).max(10_000)
const message = z.discriminatedUnion('type', [
  z.strictObject({ type: z.literal('input'), text: z.string() }),
  z.strictObject({ type: z.literal('resize'), columns: size, rows: size }),
])

export interface TerminalOptions {
  readonly caller: string
  readonly command: KeptCommand
  /** Offset from which on the output is sent. */
  readonly from: number
  readonly answers: Answers
  /** Frames on their way in. */
  readonly frames: Budget
  /** The service stops. */
  readonly stopping: AbortSignal
  readonly told: () => { exit_code: number | null; signal: string | null }
}

/**
 * A client at a terminal. Binary frames are input and output; a text frame is JSON: `input` and `resize` from the
 * client, `started`, `dropped` and `exited` to it. The terminal goes on when the client has gone.
 */
export class Terminal {
  readonly #webSocket: WebSocket
  readonly #options: TerminalOptions
  readonly #gone = new AbortController()
  readonly #backlog: Backlog
  /** Bytes of frames that have not gone on, on the caller's account. */
  #arriving: Entry

  constructor(webSocket: WebSocket, socket: Socket, options: TerminalOptions) {
    this.#webSocket = webSocket
    this.#options = options
    this.#arriving = this.#account()
    this.#backlog = options.answers.backlog(options.caller, socket)
    socket.prependListener('data', (chunk: Buffer) => {
      if (!this.#arriving.add(chunk.length)) this.#refuse(TRY_LATER, 'too much is held for you')
    })
    webSocket.on('message', (data: Buffer, isBinary: boolean) => this.#take(data, isBinary))
    webSocket.on('ping', (data: Buffer) => {
      if (webSocket.bufferedAmount > MAX_UNSENT_PONGS + MAX_UNSENT_BYTES) webSocket.terminate()
      else webSocket.pong(data)
    })
    const stop = () => this.#refuse(GOING_AWAY, 'the service stops')
    options.stopping.addEventListener('abort', stop, { once: true })
    webSocket.on('close', () => {
      options.stopping.removeEventListener('abort', stop)
      this.#arriving.release()
      this.#gone.abort()
    })
    if (options.stopping.aborted) stop()
    void this.#show()
  }

  async #show(): Promise<void> {
    const { command, from, told } = this.#options
    const { id, pid } = command.record
    this.#tell({ type: 'started', id, pid })
    let at = from
    for await (const { offset, bytes } of command.output(from, this.#gone.signal)) {
      if (offset > at) this.#tell({ type: 'dropped', bytes: offset - at })
      at = offset + bytes.length
      await this.#send(bytes)
    }
    if (this.#gone.signal.aborted) return
    this.#tell({ type: 'exited', ...told() })
    this.#webSocket.close(NORMAL)
  }

  #take(data: Buffer, isBinary: boolean): void {
    const entry = this.#arriving
    this.#arriving = this.#account()
    const input = isBinary ? data : this.#inputIn(data)
    if (input === null || input.length === 0) entry.release()
    else if (input.length <= MAX_INPUT_BYTES) this.#pass(input, entry)
    else {
      entry.release()
      this.#refuse(TOO_BIG, 'send less input at once')
    }
  }

  /** No more is taken from the client before the terminal has taken this. */
  #pass(input: Buffer, entry: Entry): void {
    this.#webSocket.pause()
    // Of a connection that is not read it shows nowhere that the client has gone.
    const late = setTimeout(() => this.#webSocket.terminate(), MAX_UNREAD_MS)
    void this.#options.command.write(input).then(() => {
      clearTimeout(late)
      entry.release()
      this.#webSocket.resume()
    })
  }

  /** The input in a text frame; null: it has none, and what it says is done. */
  #inputIn(data: Buffer): Buffer | null {
    const read = message.safeParse(jsonIn(data))
    if (!read.success) this.#refuse(POLICY, 'send {"type": "input" | "resize", ...}')
    else if (read.data.type === 'input') return Buffer.from(read.data.text)
    else this.#options.command.resize(read.data.columns, read.data.rows)
    return null
  }

  #tell(words: object): void {
    void this.#send(JSON.stringify(words))
  }

  /** Resolves when the client may be sent more. */
  #send(frame: Buffer | string): Promise<void> {
    const webSocket = this.#webSocket
    if (webSocket.readyState !== webSocket.OPEN) return Promise.resolve()
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

  #account(): Entry {
    const { frames, caller } = this.#options
    return frames.open(caller, () => this.#webSocket.terminate())
  }

  #refuse(code: number, reason: string): void {
    this.#gone.abort()
    this.#webSocket.close(code, reason)
  }
}

function jsonIn(data: Buffer): unknown {
  try {
    return JSON.parse(data.toString())
  } catch {
    return null
  }
}
