import type { ServerResponse } from 'node:http'
import type { FastifyReply } from 'fastify'
import { scaledMs } from '../lib/time-scale.ts'
import type { Answers } from './answers.ts'
import { drained } from './drained.ts'

/** Proxies close what is silent for a minute or less. */
const COMMENT_MS = scaledMs(15_000)

/** Text in pieces. */
export type Pieces = Iterable<string> | AsyncIterable<string>

/**
 * A stream of events (https://html.spec.whatwg.org/#server-sent-events). Its headers go out with the first
 * event, so that a refusal before it is still an answer like any other. What its caller has not read is on
 * the caller's account; a caller that reads nothing for 30 s loses the stream.
 */
export class EventStream {
  readonly #reply: FastifyReply
  readonly #response: ServerResponse
  readonly #backlog: ReturnType<Answers['backlog']>
  /** The number of the last event. */
  #events: number
  #isBegun = false
  #comments: NodeJS.Timeout | null = null
  /** Whether an event has begun and not ended. */
  #isInside = false

  /** @param after the number of the event before the first one */
  constructor(reply: FastifyReply, caller: string, answers: Answers, after = 0) {
    this.#events = after
    this.#reply = reply
    this.#response = reply.raw
    this.#backlog = answers.backlog(caller, reply.raw)
  }

  /** Whether the headers have gone out. */
  get isBegun(): boolean {
    return this.#isBegun
  }

  /**
   * Sends one event.
   * @param data one line
   */
  send(event: string, data: string): void {
    this.#write(`${this.#head(event)}${data}\n\n`)
  }

  /**
   * Sends one event that may be large. Nothing else may be sent before it is done.
   * @param data one line, in pieces; the next one is asked for when the connection has taken the one before
   */
  async sendPieces(event: string, data: Pieces): Promise<void> {
    this.#write(this.#head(event))
    this.#isInside = true
    for await (const piece of data) {
      if (!this.#write(piece)) await drained(this.#response)
      if (this.#response.destroyed) break
    }
    this.#isInside = false
    this.#write('\n\n')
  }

  /** Sends the last event, as sendPieces(), and ends the stream. */
  async finish(event: string, data: Pieces): Promise<void> {
    await this.sendPieces(event, data)
    this.close()
  }

  /** Ends the stream. */
  close(): void {
    this.begin()
    this.#stopComments()
    this.#response.end()
  }

  #head(event: string): string {
    this.begin()
    return `id: ${++this.#events}\nevent: ${event}\ndata: `
  }

  /** Sends the headers, if they have not gone out: from here on a failure is no answer of its own. */
  begin(): void {
    if (this.#isBegun) return
    this.#isBegun = true
    this.#reply.hijack()
    this.#response.writeHead(200, {
      ...this.#reply.getHeaders(),
      'content-type': 'text/event-stream; charset=utf-8',
      'cache-control': 'no-store',
      // A proxy that collects the answer first would hold the events back.
      'x-accel-buffering': 'no',
    } as Record<string, string>)
    this.#comments = setInterval(() => {
      // One in the middle of an event would break it.
      if (!this.#isInside) this.#write(':\n\n')
    }, COMMENT_MS).unref()
    this.#response.once('close', () => this.#stopComments())
  }

  #stopComments(): void {
    clearInterval(this.#comments ?? undefined)
  }

  /** @returns false when the connection takes no more for now */
  #write(text: string): boolean {
    if (this.#response.destroyed || this.#response.writableEnded) return true
    const bytes = Buffer.byteLength(text)
    this.#backlog.add(bytes)
    return this.#response.write(text, () => this.#backlog.sent(bytes))
  }

  /** Resolves when the connection takes more, or is closed. */
  async drained(): Promise<void> {
    if (this.#response.writableNeedDrain) await drained(this.#response)
  }
}
