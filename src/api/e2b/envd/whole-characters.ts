import type { OutputPiece } from '../../../sessions/output-ring.ts'

type Stream = OutputPiece['stream']

/**
 * Keeps the bytes of a character (UTF-8) together: older clients decode each message by itself. What is no UTF-8 goes on as
 * it is.
 */
export class WholeCharacters {
  readonly #kept = new Map<Stream, Buffer>()

  /** Returns what of a piece may be told now, behind what was kept of its stream before. */
  take(stream: Stream, bytes: Buffer): Buffer {
    const before = this.#kept.get(stream)
    const all = before ? Buffer.concat([before, bytes]) : bytes
    const whole = all.length - begunIn(all)
    if (whole < all.length) this.#kept.set(stream, all.subarray(whole))
    else this.#kept.delete(stream)
    return all.subarray(0, whole)
  }

  /** What is kept at the end. */
  rest(): [Stream, Buffer][] {
    return [...this.#kept]
  }
}

/** How many bytes at the end are the beginning of a character. */
function begunIn(bytes: Buffer): number {
  for (let back = 1; back <= Math.min(3, bytes.length); back++) {
    const byte = bytes[bytes.length - back] as number
    if ((byte & 0xc0) === 0x80) continue
    const length = byte >= 0xf0 ? 4 : byte >= 0xe0 ? 3 : byte >= 0xc0 ? 2 : 1
    return length > back ? back : 0
  }
  return 0
}
