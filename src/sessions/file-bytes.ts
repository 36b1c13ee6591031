import type { Readable } from 'node:stream'
import { appendChunk } from '../lib/chunks.ts'

/** Bytes that come from a sandbox: it may send more than it said, less, and without end. */

/**
 * Reads a stream whole.
 * @param onBytes is told how many bytes have come; what it throws ends the work
 * @returns null: it has more than `most` bytes, and is closed
 */
export async function allIn(
  stream: Readable,
  most: number,
  onBytes: (bytes: number) => void = () => {},
): Promise<Buffer | null> {
  const chunks: Buffer[] = []
  let bytes = 0
  for await (const chunk of stream) {
    bytes += chunk.length
    if (bytes > most) return null
    onBytes(chunk.length)
    appendChunk(chunks, chunk)
  }
  return Buffer.concat(chunks)
}

/**
 * Yields the bytes of a stream up to a length, and closes it.
 * @throws what `tooMany` returns, when there are more
 */
export async function* upTo(
  stream: Readable,
  length: number,
  tooMany: () => Error,
): AsyncGenerator<Buffer> {
  let left = length
  for await (const chunk of stream as AsyncIterable<Buffer>) {
    const part = chunk.subarray(0, left)
    left -= part.length
    if (part.length > 0) yield part
    if (part.length < chunk.length) throw tooMany()
  }
}

/**
 * Yields so many bytes of a stream: their number has been said already. Not one more goes out, since a proxy would
 * take it for the next answer.
 * @throws when there are more or less
 */
export async function* exactly(stream: Readable, length: number): AsyncGenerator<Buffer> {
  let left = length
  for await (const part of upTo(stream, length, () => new Error('the file has become longer'))) {
    left -= part.length
    yield part
  }
  if (left > 0) throw new Error('the file has become shorter')
}
