import type { ServerResponse } from 'node:http'
import type { Writable } from 'node:stream'
import type { FastifyInstance } from 'fastify'
import type { Budget, Entry } from './accounts.ts'
import { unreadAnswers } from './refused.ts'
import { Watch } from './watch.ts'

/** What an answer holds beside its text. */
const OVERHEAD_BYTES = 1024
/** Smaller answers are not counted: the number of connections bounds them. */
const SMALL_BYTES = 16 * 1024

/**
 * Answers on their way to their callers. Each is on its caller's account until the operating system has
 * taken the last of it, and is ended when the caller does not read it.
 */
export class Answers {
  readonly #budget: Budget
  readonly #watch = new Watch()
  readonly #held = new WeakSet<ServerResponse>()

  constructor(budget: Budget) {
    this.#budget = budget
  }

  /** Answers of a caller that it has not read. */
  unreadOf(caller: string): number {
    return this.#budget.entriesOf(caller)
  }

  /** Whether a caller may have another answer made before it has read those that are there. */
  hasRoomFor(caller: string): boolean {
    return this.#budget.hasRoom(caller)
  }

  /** Whether what a response sends is on an account already. */
  isHeld(response: ServerResponse): boolean {
    return this.#held.has(response)
  }

  /**
   * Holds an answer until it has gone out.
   * @param bytes that it takes
   * @returns to be told of each piece that goes to the connection
   */
  hold(caller: string, bytes: number, response: ServerResponse): (sentBytes: number) => void {
    let sent = 0
    const give = (sentBytes: number) => {
      sent += sentBytes
    }
    this.#held.add(response)
    if (response.closed || response.destroyed) return give
    const drop = () => response.destroy()
    const entry = this.#budget.open(caller, drop)
    entry.force(OVERHEAD_BYTES + bytes)
    const unwatch = this.#watch.add({ moved: () => sent, slow: drop })
    response.once('close', () => {
      unwatch()
      entry.release()
    })
    return give
  }

  /**
   * Holds an outcome whose turn to go out has not come.
   * @param drop is called when another caller, who holds less, needs the room
   * @returns gives the room back
   */
  keep(caller: string, bytes: number, drop: () => void): () => void {
    const entry = this.#budget.open(caller, drop)
    entry.force(OVERHEAD_BYTES + bytes)
    return () => entry.release()
  }

  /**
   * Holds what comes bit by bit and will be answered as a whole.
   * @param drop is called when another caller, who holds less, needs the room
   * @returns takes no more than the caller's account has room for
   */
  gather(caller: string, drop: () => void): Entry {
    return this.#budget.open(caller, drop)
  }

  /**
   * Holds what a stream has not yet handed to the operating system. While something is held it is on the
   * caller's account and is looked after as hold() does; a stream that is silent is left in peace.
   */
  backlog(caller: string, response: Writable): Backlog {
    const drop = () => response.destroy()
    let waiting = 0
    let moved = 0
    let end: (() => void) | null = null
    const begin = () => {
      const entry = this.#budget.open(caller, drop)
      const unwatch = this.#watch.add({ moved: () => moved, slow: drop })
      end = () => {
        unwatch()
        entry.release()
        end = null
      }
      return entry
    }
    let entry: Entry | null = null
    response.once('close', () => end?.())
    return {
      add: (bytes) => {
        if (response.closed || response.destroyed) return
        if (waiting === 0) {
          moved = 0
          entry = begin()
        }
        waiting += bytes
        entry?.force(bytes)
      },
      sent: (bytes) => {
        waiting -= bytes
        moved += bytes
        if (waiting <= 0) end?.()
      },
    }
  }
}

/**
 * Has every large answer held, whatever its route: what its route has not put on an account is put there when it is
 * sent. Where the account of its caller is full already, a refusal is sent instead. Streams see to that themselves.
 */
export function holdAnswers(app: FastifyInstance, answers: Answers): void {
  app.addHook('onSend', ({ caller }, { raw }, payload, done) => {
    if (typeof payload !== 'string' && !Buffer.isBuffer(payload)) return done()
    const bytes = Buffer.byteLength(payload)
    if (bytes <= SMALL_BYTES || answers.isHeld(raw)) return done()
    if (!answers.hasRoomFor(caller)) return done(unreadAnswers())
    answers.hold(caller, bytes, raw)
    done()
  })
}

export interface Backlog {
  /** Bytes have been given to the connection. */
  add(bytes: number): void
  /** The operating system has taken them. */
  sent(bytes: number): void
}
