import type { IncomingMessage } from 'node:http'

/** A read (64 KiB at most) with so many pieces counts as a body in crumbs. */
const CRUMBS = 256
/** Rough processor time of a piece. The pause is as long, so that other callers have half of the time. */
const MS_PER_PIECE = 0.005
const LEAST_PAUSE_MS = 2

/**
 * Reads bodies in turn, one read of one body at a time, with a pause after each read. It is for bodies that use much
 * processor time for few bytes: bodies in crumbs (a chunk for each byte takes a thousand times as long as one
 * chunk), and what a caller still sends after it was refused.
 */
export class SlowLane {
  readonly #queue: (() => void)[] = []
  #pause: NodeJS.Timeout | null = null
  #pauseMs = LEAST_PAUSE_MS

  /** @param pieces that the last read brought */
  wait(pieces: number, readOn: () => void): void {
    this.#queue.push(readOn)
    this.#pauseMs = Math.max(LEAST_PAUSE_MS, pieces * MS_PER_PIECE)
    this.#schedule()
  }

  #schedule(): void {
    if (this.#pause !== null || this.#queue.length === 0) return
    this.#pause = setTimeout(() => {
      this.#pause = null
      this.#queue.shift()?.()
      this.#schedule()
    }, this.#pauseMs)
  }
}

/**
 * Reads a body so that it never keeps the event loop for longer than one read of its socket, at most 64 KiB. Node.js
 * itself reads up to 2 MiB of one connection before it turns to another.
 * @param lane for crumbs
 * @param always whether every read goes through the lane, whatever it brings
 * @param onChunk gets each piece; it returns false when it wants no more
 */
export function readByTurns(
  request: IncomingMessage,
  lane: SlowLane,
  always: boolean,
  onChunk: (chunk: Buffer) => boolean,
): void {
  const { socket } = request
  let pieces = 0
  // The stream must not start the socket again by itself whenever its buffer is empty.
  request._read = () => {}
  const readOn = () => {
    pieces = 0
    socket.resume()
  }
  const onData = (chunk: Buffer) => {
    if (!onChunk(chunk)) {
      request.off('data', onData)
      return
    }
    if (pieces++ > 0) return
    socket.pause()
    // By then the whole of this read has come.
    setImmediate(() => {
      if (always || pieces >= CRUMBS) lane.wait(pieces, readOn)
      else readOn()
    })
  }
  request.on('data', onData)
  request.resume()
}
