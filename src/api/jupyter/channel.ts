import type { Socket } from 'node:net'
import type { WebSocket } from '@fastify/websocket'
import type { Budget, Entry } from '../accounts.ts'
import type { Answers } from '../answers.ts'
import { LARGE_BODY_BYTES, type ParsingThread } from '../parsing-thread.ts'
import { executeCode } from './execute.ts'
import type { OwnedKernel } from './kernels.ts'
import { frameOf, type JupyterRequest, type KernelMessage, readRequest } from './message.ts'
import { fixedReply, type KernelLanguage } from './replies.ts'

/** Requests of one connection that have come and are not read yet. */
const MAX_UNREAD = 64
/** What a client has not taken of answers to its pings. */
const MAX_UNSENT_PONGS = 64 * 1024
/** https://www.rfc-editor.org/rfc/rfc6455#section-7.4.1 */
const [GOING_AWAY, NOT_TEXT, POLICY, TRY_LATER] = [1001, 1003, 1008, 1013]
const MAX_CLOSE_REASON = 120

export interface ChannelOptions {
  readonly owned: OwnedKernel
  readonly language: KernelLanguage
  readonly answers: Answers
  readonly uploads: Budget
  readonly parsing: ParsingThread
  /** The kernel was used. */
  readonly onUse: () => void
  /** Something failed that nobody expected. */
  readonly onFault: (error: Error) => void
}

/** A client's connection to the channels of a kernel: requests in, a kernel's messages out, as text frames. */
export class Channel {
  readonly #options: ChannelOptions
  readonly #webSocket: WebSocket
  readonly #gone = new AbortController()
  readonly #backlog: ReturnType<Answers['backlog']>
  readonly #session: string
  /** Bytes of a frame that has not come to its end, on the caller's account. */
  #arriving: Entry
  #unread = 0
  #reading = Promise.resolve()

  /** @param session of the kernel's messages */
  constructor(webSocket: WebSocket, socket: Socket, session: string, options: ChannelOptions) {
    this.#options = options
    this.#webSocket = webSocket
    this.#session = session
    this.#arriving = this.#account()
    this.#backlog = options.answers.backlog(options.owned.caller, socket)
    const end = () => this.close()
    options.owned.channels.add(end)
    // Before the library reads it: a frame may be megabytes that come one byte at a time.
    socket.prependListener('data', (chunk: Buffer) => {
      if (!this.#arriving.add(chunk.length)) this.#refuse(TRY_LATER, 'too much is held for you')
    })
    webSocket.on('message', (data: Buffer, isBinary: boolean) => this.#take(data, isBinary))
    webSocket.on('ping', (data: Buffer) => {
      if (webSocket.bufferedAmount > MAX_UNSENT_PONGS) webSocket.terminate()
      else webSocket.pong(data)
    })
    webSocket.on('close', () => {
      options.owned.channels.delete(end)
      this.#arriving.release()
      this.#gone.abort()
      options.onUse()
    })
  }

  /** The kernel is there no more. */
  close(): void {
    this.#refuse(GOING_AWAY, 'the kernel was deleted')
  }

  #account(): Entry {
    const { uploads, owned } = this.#options
    return uploads.open(owned.caller, () => this.#webSocket.terminate())
  }

  #take(data: Buffer, isBinary: boolean): void {
    const entry = this.#arriving
    this.#arriving = this.#account()
    if (isBinary) this.#refuse(NOT_TEXT, 'send text frames')
    else if (this.#unread >= MAX_UNREAD) this.#refuse(POLICY, 'too many requests at once')
    else {
      this.#unread++
      this.#options.onUse()
      this.#reading = this.#reading
        .then(() => this.#serve(data))
        .catch((error: Error) => {
          this.#options.onFault(error)
          this.#webSocket.terminate()
        })
        .finally(() => {
          this.#unread--
          entry.release()
        })
      return
    }
    entry.release()
  }

  async #serve(data: Buffer): Promise<void> {
    const { owned, parsing, answers } = this.#options
    if (this.#gone.signal.aborted) return
    const read =
      data.length <= LARGE_BODY_BYTES
        ? readRequest(data)
        : await parsing.readKernelRequest(owned.caller, data, this.#gone.signal)
    if ('wrong' in read) this.#refuse(POLICY, read.wrong)
    else if (!answers.hasRoomFor(owned.caller)) this.#refuse(TRY_LATER, 'read what was sent')
    else this.#answer(read.request)
  }

  #answer(request: JupyterRequest): void {
    const { owned, language } = this.#options
    const { kernel } = owned
    const { type, channel, code, headerJson } = request
    const send = (message: KernelMessage) => this.#send(message, headerJson)
    const state = (name: string) =>
      send({ channel: 'iopub', type: 'status', contentJson: `{"execution_state":"${name}"}` })
    state('busy')
    if (type === 'execute_request') {
      void executeCode(kernel, code ?? Buffer.alloc(0), this.#gone.signal, send)
        .catch(this.#options.onFault)
        .finally(() => state('idle'))
      return
    }
    if (type === 'interrupt_request' || type === 'shutdown_request') kernel.interrupt()
    const reply = fixedReply(type, channel === 'control' ? 'control' : 'shell', language)
    if (reply) send(reply)
    state('idle')
  }

  #send(message: KernelMessage, parentJson: string): void {
    if (this.#webSocket.readyState !== this.#webSocket.OPEN) return
    const frame = frameOf(this.#session, parentJson, message)
    const bytes = Buffer.byteLength(frame)
    this.#backlog.add(bytes)
    this.#webSocket.send(frame, () => this.#backlog.sent(bytes))
  }

  #refuse(code: number, reason: string): void {
    this.#gone.abort()
    this.#webSocket.close(code, reason.slice(0, MAX_CLOSE_REASON))
  }
}
