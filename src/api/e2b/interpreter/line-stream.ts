import type { ServerResponse } from 'node:http'
import type { FastifyReply } from 'fastify'
import { scaledMs } from '../../../lib/time-scale.ts'
import type { Answers } from '../../answers.ts'

/** By what is written in a silence, a client that has gone is noticed, and proxies keep the connection. */
const SILENCE_MS = scaledMs(5000)
const KEEPALIVE = '{"type":"keepalive"}'

/**
 * A stream of JSON texts, one a line, in ASCII: clients decode each piece of it alone. Its headers go out with the
 * first line, so that a refusal before it is an answer of its own. What its caller has not read is on the caller's
 * account; one that reads nothing for 30 s loses the stream.
 */
export class LineStream {
  readonly #reply: FastifyReply
  readonly #response: ServerResponse
  readonly #backlog: ReturnType<Answers['backlog']>
  #isBegun = false
  #silence: NodeJS.Timeout

  constructor(reply: FastifyReply, caller: string, answers: Answers) {
    this.#reply = reply
    this.#response = reply.raw
    this.#backlog = answers.backlog(caller, reply.raw)
    this.#silence = setTimeout(() => this.send(KEEPALIVE), SILENCE_MS)
    reply.raw.once('close', () => clearTimeout(this.#silence))
  }

  /** Whether the headers have gone out. */
  get isBegun(): boolean {
    return this.#isBegun
  }

  /** @param json JSON text */
  send(json: string): void {
    if (this.#response.destroyed || this.#response.writableEnded) return
    this.#begin()
    const line = `${json.replace(OTHERS, escaped)}\n`
    this.#backlog.add(line.length)
    this.#response.write(line, 'latin1', () => this.#backlog.sent(line.length))
    this.#silence.refresh()
  }

  end(): void {
    clearTimeout(this.#silence)
    this.#begin()
    this.#response.end()
  }

  /** Gives the stream up before its first line: the answer is another one. */
  drop(): void {
    clearTimeout(this.#silence)
  }

  /** Closes the connection: by that clients know that the sandbox has ended. */
  cut(): void {
    clearTimeout(this.#silence)
    this.#reply.hijack()
    this.#response.destroy()
  }

  #begin(): void {
    if (this.#isBegun) return
    this.#isBegun = true
    this.#reply.hijack()
    this.#response.writeHead(200, {
      ...this.#reply.getHeaders(),
      'content-type': 'application/x-ndjson',
      'cache-control': 'no-store',
      'x-accel-buffering': 'no',
    } as Record<string, string>)
  }
}

/** What is not in ASCII, which stands in strings alone; and line ends between members. */
// biome-ignore lint/suspicious/noControlCharactersInRegex: the whole of ASCII but line ends
const OTHERS = /[^\u0000-\u0009\u000b\u000c\u000e-\u007f]/g

function escaped(character: string): string {
  if (character === '\n' || character === '\r') return ' '
  return `\\u${character.charCodeAt(0).toString(16).padStart(4, '0')}`
}
