import { randomUUID } from 'node:crypto'
import type { Socket } from 'node:net'
import type { WebSocket } from '@fastify/websocket'
import type { Budget, Entry } from '../accounts.ts'
import type { Answers } from '../answers.ts'
import { LARGE_BODY_BYTES, type ParsingThread } from '../parsing-thread.ts'
import { BINARY_PROTOCOL, binaryFrameOf, textFrameOf } from './binary-frames.ts'
import { frameOf, type JupyterRequest, type KernelMessage, readRequest } from './message.ts'

/** The most requests of one connection that wait to be read. */
const MAX_UNREAD = 64
/** The most bytes of pongs that a client has not read yet. */
const MAX_UNSENT_PONGS = 64 * 1024
/** https://www.rfc-editor.org/rfc/rfc6455#section-7.4.1 */
const [GOING_AWAY, NOT_TEXT, POLICY, TRY_LATER] = [1001, 1003, 1008, 1013]
const MAX_CLOSE_REASON = 120
/** Requests of one connection that are read and wait for their kernel. */
const MAX_WAITING = 2000
const MAX_SESSION_CHARS = 100

/** A client at the channels of a kernel, as the kernel sees it. */
export interface Connection {
  /** By which a client is known when it comes again. */
  readonly session: string
  /** Fires when the client has gone. */
  readonly gone: AbortSignal
  /** @param parentJson JSON text of the header of the request that a message belongs to */
  send(message: KernelMessage, parentJson: string): void
  /** Closes the connection because its kernel is gone. */
  close(): void
}

/** What a kernel is to the connections of its clients. */
export interface ChannelKernel {
  join(connection: Connection): void
  /** The connection has ended. */
  leave(connection: Connection): void
  /**
   * Answers a request.
   * @param isHeld whether its bytes are still on the caller's account
   * @returns resolves when its bytes are needed no more
   */
  take(request: JupyterRequest, from: Connection, isHeld: () => boolean): Promise<void>
}

export interface ChannelOptions {
  readonly caller: string
  readonly kernel: ChannelKernel
  /** Session of the kernel, for the headers of its messages. */
  readonly session: string
  readonly answers: Answers
  readonly uploads: Budget
  readonly parsing: ParsingThread
  /** The kernel was used. */
  readonly onUse: () => void
  /** Reports an unexpected failure. */
  readonly onFault: (error: Error) => void
}

/** A client's connection to the channels of a kernel: requests in, a kernel's messages out, in text or binary frames. */
export class Channel implements Connection {
  readonly session: string
  readonly #options: ChannelOptions
  readonly #webSocket: WebSocket
  readonly #gone = new AbortController()
  readonly #backlog: ReturnType<Answers['backlog']>
  readonly #isBinary: boolean
  /** Bytes of a frame that has not come to its end, on the caller's account. */
  #arriving: Held
  #unread = 0
  #waiting = 0
  #reading = Promise.resolve()

  /** @param session as the client calls itself; null: it has no name */
  constructor(
    webSocket: WebSocket,
    socket: Socket,
    session: string | null,
    options: ChannelOptions,
  ) {
    this.session = (session ?? randomUUID()).slice(0, MAX_SESSION_CHARS)
    this.#options = options
    this.#webSocket = webSocket
    this.#isBinary = webSocket.protocol === BINARY_PROTOCOL
    this.#arriving = this.#account()
    this.#backlog = options.answers.backlog(options.caller, socket)
    // Before the library reads it: a frame may be megabytes that come one byte at a time.
    socket.prependListener('data', (chunk: Buffer) => {
      if (!this.#arriving.entry.add(chunk.length))
        this.#refuse(TRY_LATER, 'too much is held for you')
    })
    webSocket.on('message', (data: Buffer, isBinary: boolean) => this.#take(data, isBinary))
    webSocket.on('ping', (data: Buffer) => {
      if (webSocket.bufferedAmount > MAX_UNSENT_PONGS) webSocket.terminate()
      else webSocket.pong(data)
    })
    webSocket.on('close', () => {
      this.#arriving.entry.release()
      this.#gone.abort()
      options.kernel.leave(this)
      options.onUse()
    })
    options.kernel.join(this)
  }

  get gone(): AbortSignal {
    return this.#gone.signal
  }

  close(): void {
    this.#refuse(GOING_AWAY, 'the kernel was deleted')
  }

  send(message: KernelMessage, parentJson: string): void {
    if (this.#webSocket.readyState !== this.#webSocket.OPEN) return
    const { session } = this.#options
    const frame = (this.#isBinary ? binaryFrameOf : frameOf)(session, parentJson, message)
    const bytes = Buffer.byteLength(frame)
    this.#backlog.add(bytes)
    this.#webSocket.send(frame, () => this.#backlog.sent(bytes))
  }

  #account(): Held {
    const { uploads, caller } = this.#options
    const held = {
      isEvicted: false,
      entry: uploads.open(caller, () => {
        held.isEvicted = true
        this.#webSocket.terminate()
      }),
    }
    return held
  }

  #take(data: Buffer, isBinary: boolean): void {
    const held = this.#arriving
    this.#arriving = this.#account()
    const frame = isBinary && this.#isBinary ? textFrameOf(data) : data
    if (isBinary !== this.#isBinary) {
      this.#refuse(NOT_TEXT, this.#isBinary ? 'send binary frames' : 'send text frames')
    } else if (frame === null) this.#refuse(POLICY, 'A frame is not as its protocol says.')
    else if (this.#unread >= MAX_UNREAD || this.#waiting >= MAX_WAITING) {
      this.#refuse(POLICY, 'too many requests at once')
    } else {
      this.#unread++
      this.#options.onUse()
      this.#reading = this.#reading
        .then(() => this.#serve(frame, held))
        .catch((error: Error) => {
          held.entry.release()
          this.#options.onFault(error)
          this.#webSocket.terminate()
        })
        .finally(() => {
          this.#unread--
        })
      return
    }
    held.entry.release()
  }

  async #serve(data: Buffer, held: Held): Promise<void> {
    const { kernel, caller, parsing, answers } = this.#options
    const read =
      this.gone.aborted || data.length <= LARGE_BODY_BYTES
        ? readRequest(data)
        : await parsing.readKernelRequest(caller, data, this.gone)
    if (this.gone.aborted) held.entry.release()
    else if ('wrong' in read) {
      held.entry.release()
      this.#refuse(POLICY, read.wrong)
    } else if (!answers.hasRoomFor(caller)) {
      held.entry.release()
      this.#refuse(TRY_LATER, 'read what was sent')
    } else {
      this.#waiting++
      void kernel
        .take(read.request, this, () => !held.isEvicted)
        .catch(this.#options.onFault)
        .finally(() => {
          this.#waiting--
          held.entry.release()
        })
    }
  }

  #refuse(code: number, reason: string): void {
    this.#gone.abort()
    this.#webSocket.close(code, reason.slice(0, MAX_CLOSE_REASON))
  }
}

interface Held {
  readonly entry: Entry
  isEvicted: boolean
}
