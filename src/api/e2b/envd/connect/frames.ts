import { ConnectError } from './errors.ts'

/**
 * Messages of a stream, each with five bytes before it: flags and the length, big-endian
 * (https://connectrpc.com/docs/protocol#streaming-rpcs).
 */

const HEAD_BYTES = 5
/** Of a compressed message; none is asked for or taken. */
const COMPRESSED = 1
/** Of the last message of an answer, which has no message of the call but how that ended. */
export const END_OF_STREAM = 2

/** Returns a message as it goes out. */
export function frameOf(message: object, flags = 0): Buffer {
  const body = Buffer.from(JSON.stringify(message))
  const frame = Buffer.allocUnsafe(HEAD_BYTES + body.length)
  frame[0] = flags
  frame.writeUInt32BE(body.length, 1)
  body.copy(frame, HEAD_BYTES)
  return frame
}

/** Takes messages out of bytes as they come, however small the pieces are. */
export class FrameReader {
  readonly #most: number
  /** The beginning of a message, in the first bytes. */
  #buffer: Buffer = Buffer.alloc(0)
  #held = 0

  /** @param most bytes that a message may have */
  constructor(most: number) {
    this.#most = most
  }

  /** Bytes that are kept of a message that is not whole. */
  get held(): number {
    return this.#held
  }

  /**
   * Returns the messages that are whole now. An empty one has five bytes, and its Buffer here a hundred.
   * @param count of messages, at most; what is behind them stays for the next call
   * @throws ConnectError for one that is too long, compressed, or flagged as none of the caller's
   */
  push(chunk: Buffer, count = Infinity): Buffer[] {
    const isFirst = this.#held === 0
    if (!isFirst) this.#append(chunk)
    const bytes = isFirst ? chunk : this.#buffer.subarray(0, this.#held)
    const messages: Buffer[] = []
    let at = 0
    while (messages.length < count && bytes.length - at >= HEAD_BYTES) {
      const end = at + HEAD_BYTES + lengthIn(bytes.subarray(at, at + HEAD_BYTES), this.#most)
      if (end > bytes.length) break
      messages.push(bytes.subarray(at + HEAD_BYTES, end))
      at = end
    }
    if (!isFirst && at === 0) return messages
    this.#held = 0
    if (at < bytes.length) this.#append(bytes.subarray(at))
    return messages
  }

  /** @throws ConnectError when a message is not whole at the end */
  end(): void {
    if (this.#held === 0) return
    throw new ConnectError('invalid_argument', 'protocol error: incomplete envelope')
  }

  #append(bytes: Buffer): void {
    const length = this.#held + bytes.length
    // What was given out before may still be read: nothing is written over.
    if (this.#held === 0 || length > this.#buffer.length) {
      const grown = Buffer.alloc(Math.max(length, 2 * this.#held))
      this.#buffer.copy(grown, 0, 0, this.#held)
      this.#buffer = grown
    }
    bytes.copy(this.#buffer, this.#held)
    this.#held = length
  }
}

function lengthIn(head: Buffer, most: number): number {
  const flags = head[0] as number
  const length = head.readUInt32BE(1)
  if (flags & COMPRESSED) {
    throw new ConnectError(
      'invalid_argument',
      'protocol error: sent compressed message without compression support',
    )
  }
  if (flags !== 0) {
    throw new ConnectError('invalid_argument', `protocol error: invalid envelope flags ${flags}`)
  }
  if (length > most) {
    throw new ConnectError(
      'resource_exhausted',
      `message size ${length} is larger than configured max ${most}`,
    )
  }
  return length
}
