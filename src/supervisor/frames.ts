import { appendChunk } from '../lib/chunks.ts'

/**
 * Length-prefixed frames: u32 payload length, u8 type, payload; little-endian. The same framing
 * serves between manager and supervisor and, inside, between supervisor and runner.
 */

export interface Frame {
  readonly type: number
  readonly payload: Buffer
}

const HEAD_BYTES = 5

/** Encodes a whole frame. */
export function encodeFrame(type: number, payload: Uint8Array = Buffer.alloc(0)): Buffer {
  const frame = Buffer.allocUnsafe(HEAD_BYTES + payload.length)
  frame.writeUInt32LE(payload.length, 0)
  frame[4] = type
  frame.set(payload, HEAD_BYTES)
  return frame
}

/** Returns the beginning of a frame whose payload is sent by itself. */
export function encodeHead(type: number, payloadBytes: number): Buffer {
  const head = Buffer.allocUnsafe(HEAD_BYTES)
  head.writeUInt32LE(payloadBytes, 0)
  head[4] = type
  return head
}

/** What was read is not what the protocol allows. Data about a sandbox, never our own failure. */
export class FrameError extends Error {}

/** A frame is longer than its type may be. */
export class FrameTooLongError extends FrameError {
  readonly type: number

  constructor(type: number, bytes: number) {
    super(`frame of type ${type} with ${bytes} bytes`)
    this.type = type
  }
}

/**
 * Cuts a byte stream into frames. The stream is hostile: a frame longer than its type may be is
 * refused as soon as its head is read, before anything is kept for it, and so is an unknown type.
 */
export class FrameParser {
  readonly #maxPayloadBytes: (type: number) => number | undefined
  #chunks: Buffer[] = []
  #buffered = 0

  /** @param maxPayloadBytes the most that a frame of this type may hold; undefined: no such type */
  constructor(maxPayloadBytes: (type: number) => number | undefined) {
    this.#maxPayloadBytes = maxPayloadBytes
  }

  /**
   * Takes the next bytes and yields the frames that they complete, in order.
   * @throws FrameError; the parser is of no further use then
   */
  *push(chunk: Buffer): Generator<Frame, void, undefined> {
    appendChunk(this.#chunks, chunk)
    this.#buffered += chunk.length
    while (this.#buffered >= HEAD_BYTES) {
      const head = this.#gather(HEAD_BYTES)
      const length = head.readUInt32LE(0)
      const type = head[4] as number
      const most = this.#maxPayloadBytes(type)
      if (most === undefined) throw new FrameError(`unknown frame type ${type}`)
      if (length > most) throw new FrameTooLongError(type, length)
      if (this.#buffered < HEAD_BYTES + length) return
      const whole = this.#gather(HEAD_BYTES + length)
      this.#consume(whole)
      yield { type, payload: whole.subarray(HEAD_BYTES, HEAD_BYTES + length) }
    }
  }

  /** Bytes of a frame that is not complete. */
  get pendingBytes(): number {
    return this.#buffered
  }

  /** The bytes of a frame that is not complete. */
  pending(): Buffer {
    return Buffer.concat(this.#chunks)
  }

  /** At least `length` bytes in one buffer at the front; copies only when chunks must be joined. */
  #gather(length: number): Buffer {
    const first = this.#chunks[0] as Buffer
    if (first.length >= length) return first
    let joined = 0
    let count = 0
    while (joined < length) joined += (this.#chunks[count++] as Buffer).length
    const whole = Buffer.concat(this.#chunks.splice(0, count))
    this.#chunks.unshift(whole)
    return whole
  }

  #consume(front: Buffer): void {
    const used = HEAD_BYTES + front.readUInt32LE(0)
    this.#buffered -= used
    if (front.length === used) this.#chunks.shift()
    else this.#chunks[0] = front.subarray(used)
  }
}
