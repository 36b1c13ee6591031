import { TLSSocket } from 'node:tls'
import type { FastifyReply } from 'fastify'
import { scaledMs } from '../../../../lib/time-scale.ts'
import type { Answers } from '../../../answers.ts'
import { drained } from '../../../drained.ts'
import type { ConnectError } from './errors.ts'
import { END_OF_STREAM, frameOf } from './frames.ts'

/** How often a client is told that a silent stream goes on, unless it asks for more. */
const KEEPALIVE_MS = scaledMs(90_000)
const LEAST_KEEPALIVE_S = 1

/**
 * The messages of an answer. What its caller has not read is on the caller's account, and a caller that reads nothing
 * for 30 s loses the stream.
 */
export class AnswerStream {
  readonly #response: FastifyReply['raw']
  readonly #reply: FastifyReply
  readonly #backlog: ReturnType<Answers['backlog']>
  #isBegun = false
  #keepalive: NodeJS.Timeout | null = null

  constructor(reply: FastifyReply, caller: string, answers: Answers) {
    this.#reply = reply
    this.#response = reply.raw
    this.#backlog = answers.backlog(caller, reply.raw)
  }

  /** Whether a failure has to be told in the stream. */
  get isBegun(): boolean {
    return this.#isBegun
  }

  /**
   * Sends a message.
   * @returns resolves when the connection takes more, or is closed
   */
  async send(message: object): Promise<void> {
    this.#write(frameOf(message))
    this.#keepalive?.refresh()
    if (this.#response.writableNeedDrain) await drained(this.#response)
  }

  /** Has a message sent whenever nothing else was for so long as the caller says, in seconds. */
  keepAlive(message: object): void {
    const asked = Number(this.#reply.request.headers['keepalive-ping-interval'])
    const isSaid = Number.isFinite(asked) && asked >= LEAST_KEEPALIVE_S
    const everyMs = isSaid ? Math.min(asked * 1000, KEEPALIVE_MS) : KEEPALIVE_MS
    // Of a caller that does not read, nothing more is kept.
    const tell = () => this.#response.writableNeedDrain || this.#write(frameOf(message))
    this.#keepalive = setInterval(tell, everyMs).unref()
    this.#response.once('close', () => this.#stop())
  }

  /** Ends the stream. @param error how the call failed; null: well */
  end(error: ConnectError | null = null): void {
    this.#stop()
    this.#write(frameOf(error ? { error: error.body } : {}, END_OF_STREAM))
    this.#response.end()
  }

  /** Breaks the connection off: the client asks then whether its sandbox is there. */
  cut(): void {
    this.#stop()
    if (!this.#isBegun) this.#reply.hijack()
    this.#isBegun = true
    const { socket } = this.#response
    // Some clients take a connection that was closed in an answer for a fault of the protocol, and do not ask.
    if (socket && !(socket instanceof TLSSocket)) socket.resetAndDestroy()
    this.#response.destroy()
  }

  #stop(): void {
    clearInterval(this.#keepalive ?? undefined)
  }

  #write(frame: Buffer): void {
    if (!this.#isBegun) this.#begin()
    if (this.#response.destroyed || this.#response.writableEnded) return
    this.#backlog.add(frame.length)
    this.#response.write(frame, () => this.#backlog.sent(frame.length))
  }

  #begin(): void {
    this.#isBegun = true
    this.#reply.hijack()
    this.#response.writeHead(200, {
      ...(this.#reply.getHeaders() as Record<string, string>),
      'content-type': 'application/connect+json',
      'cache-control': 'no-store',
      // A proxy that collects the answer first would hold the messages back.
      'x-accel-buffering': 'no',
    })
  }
}
