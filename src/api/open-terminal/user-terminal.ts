import type { Socket } from 'node:net'
import type { WebSocket } from '@fastify/websocket'
import { z } from 'zod'
import { scaledMs } from '../../lib/time-scale.ts'
import type { KeptCommand } from '../../sessions/kept-command.ts'
import type { Budget, Entry } from '../accounts.ts'
import type { Answers, Backlog } from '../answers.ts'

/** https://www.rfc-editor.org/rfc/rfc6455#section-7.4.1, and what Open Terminal says beside. */
const [NORMAL, GOING_AWAY, TOO_BIG, TRY_LATER, NO_KEY] = [1000, 1001, 1009, 1013, 4001]
const AUTH_MS = scaledMs(10_000)
/** Of a frame with a key, and of one with input. */
const [MAX_AUTH_BYTES, MAX_INPUT_BYTES] = [16 * 1024, 1024 ** 2]
const MAX_EARLY = 16
const MAX_UNSENT_BYTES = 256 * 1024
const MAX_UNSENT_PONGS = 64 * 1024
const MAX_UNREAD_MS = scaledMs(60_000)

const auth = z.object({
  type: z.literal('auth'),
  token: z.string().nullish(),
  chat_id: z.string().optional(),
})
const size = z.number().int().min(1).max(10_000)
const resize = z.object({
  type: z.literal('resize'),
  cols: size.default(80),
  rows: size.default(24),
})

/** What a client is let to: a terminal, and whose it is. */
export interface Admitted {
  readonly caller: string
  readonly command: KeptCommand
  /** The client has gone. */
  readonly onEnd: () => void
}

export interface UserTerminalOptions {
  readonly answers: Answers
  readonly frames: Budget
  readonly stopping: AbortSignal
  /** On whose account is what comes before it is known whose it is. */
  readonly before: string
  /** @returns the terminal, or the code and reason that the connection is closed with */
  admit(said: z.output<typeof auth>): Promise<Admitted | readonly [code: number, reason: string]>
}

/**
 * A client at a terminal, as Open Terminal has it: the first frame is text with a key, then binary frames are input and
 * output, and text frames are JSON with a size.
 */
export class UserTerminal {
  readonly #webSocket: WebSocket
  readonly #socket: Socket
  readonly #options: UserTerminalOptions
  readonly #gone = new AbortController()
  #arriving: Entry
  #admitted: Admitted | null = null
  #isAsked = false
  /** What came while it was looked whose it is. */
  #early: (readonly [data: Buffer, isBinary: boolean])[] = []
  #backlog: Backlog | null = null

  constructor(webSocket: WebSocket, socket: Socket, options: UserTerminalOptions) {
    this.#webSocket = webSocket
    this.#socket = socket
    this.#options = options
    this.#arriving = this.#account()
    socket.prependListener('data', (chunk: Buffer) => {
      if (!this.#arriving.add(chunk.length)) this.#refuse(TRY_LATER, 'too much is held for you')
      else if (!this.#admitted && this.#arriving.bytes > MAX_AUTH_BYTES)
        this.#refuse(NO_KEY, 'Auth timeout or invalid payload')
    })
    const late = setTimeout(() => {
      if (!this.#isAsked) this.#refuse(NO_KEY, 'Auth timeout or invalid payload')
    }, AUTH_MS)
    const stop = () => this.#refuse(GOING_AWAY, 'the service stops')
    options.stopping.addEventListener('abort', stop, { once: true })
    webSocket.on('message', (data: Buffer, isBinary: boolean) => this.#take(data, isBinary))
    webSocket.on('ping', (data: Buffer) => {
      if (webSocket.bufferedAmount > MAX_UNSENT_PONGS + MAX_UNSENT_BYTES) webSocket.terminate()
      else webSocket.pong(data)
    })
    webSocket.on('close', () => {
      clearTimeout(late)
      options.stopping.removeEventListener('abort', stop)
      this.#arriving.release()
      this.#gone.abort()
      this.#admitted?.onEnd()
    })
  }

  #take(data: Buffer, isBinary: boolean): void {
    const entry = this.#arriving
    this.#arriving = this.#account()
    if (!this.#admitted || !isBinary) entry.release()
    if (!this.#admitted) {
      if (!this.#isAsked) this.#enter(data)
      else if (this.#early.length < MAX_EARLY) this.#early.push([data, isBinary])
    } else if (isBinary) this.#pass(this.#admitted.command, data, entry)
    else {
      const read = resize.safeParse(jsonIn(data))
      if (read.success) this.#admitted.command.resize(read.data.cols, read.data.rows)
    }
  }

  #enter(data: Buffer): void {
    const said = auth.safeParse(jsonIn(data))
    if (!said.success) {
      this.#refuse(NO_KEY, 'Auth timeout or invalid payload')
      return
    }
    this.#isAsked = true
    this.#webSocket.pause()
    void this.#options
      .admit(said.data)
      .catch((error: Error) => [TRY_LATER, error.message] as const)
      .then((admitted) => {
        this.#webSocket.resume()
        if ('command' in admitted) this.#begin(admitted)
        else this.#refuse(admitted[0], admitted[1])
      })
  }

  #begin(admitted: Admitted): void {
    if (this.#gone.signal.aborted) {
      admitted.onEnd()
      return
    }
    this.#admitted = admitted
    this.#backlog = this.#options.answers.backlog(admitted.caller, this.#socket)
    void this.#show(admitted.command)
    for (const [data, isBinary] of this.#early.splice(0)) this.#take(data, isBinary)
  }

  async #show(command: KeptCommand): Promise<void> {
    for await (const { bytes } of command.output(command.span.first, this.#gone.signal)) {
      await this.#send(bytes)
    }
    if (!this.#gone.signal.aborted) this.#webSocket.close(NORMAL)
  }

  /** No more is taken from the client before the terminal has taken this. */
  #pass(command: KeptCommand, input: Buffer, entry: Entry): void {
    if (input.length > MAX_INPUT_BYTES) {
      entry.release()
      this.#refuse(TOO_BIG, 'send less input at once')
      return
    }
    this.#webSocket.pause()
    const late = setTimeout(() => this.#webSocket.terminate(), MAX_UNREAD_MS)
    void command.write(input).then(() => {
      clearTimeout(late)
      entry.release()
      this.#webSocket.resume()
    })
  }

  /** Resolves when the client may be sent more. */
  #send(bytes: Buffer): Promise<void> {
    const webSocket = this.#webSocket
    if (webSocket.readyState !== webSocket.OPEN) return Promise.resolve()
    this.#backlog?.add(bytes.length)
    const sent = new Promise<void>((resolve) => {
      webSocket.send(bytes, () => {
        this.#backlog?.sent(bytes.length)
        resolve()
      })
    })
    return webSocket.bufferedAmount > MAX_UNSENT_BYTES ? sent : Promise.resolve()
  }

  #account(): Entry {
    const { frames, before } = this.#options
    return frames.open(this.#admitted?.caller ?? before, () => this.#webSocket.terminate())
  }

  #refuse(code: number, reason: string): void {
    this.#gone.abort()
    this.#webSocket.close(code, reason.slice(0, 120))
  }
}

function jsonIn(data: Buffer): unknown {
  try {
    return JSON.parse(data.toString())
  } catch {
    return null
  }
}
