import { Readable } from 'node:stream'
import { createGunzip, createInflate, createInflateRaw } from 'node:zlib'
import { Refused } from './refused.ts'

/** Encodings of a body that are read, by their names in Content-Encoding (RFC 9110, section 8.4.1). */
const DECODERS = {
  gzip: createGunzip,
  'x-gzip': createGunzip,
  deflate: createInflate,
} as const

export type ContentEncoding = keyof typeof DECODERS

/** What a caller is told that may be sent. */
export const ENCODINGS_TAKEN = 'gzip, deflate, identity'

/** What a decoder holds while it works: its window and its buffers. */
export const DECODER_BYTES = 128 * 1024

/**
 * Returns the encoding that a header names; null: none.
 * @throws UnknownEncoding for one that is not known, and for several on top of each other
 */
export function encodingOf(header: string | undefined): ContentEncoding | null {
  const name = (header ?? '').trim().toLowerCase()
  if (name === '' || name === 'identity') return null
  if (Object.hasOwn(DECODERS, name)) return name as ContentEncoding
  throw new UnknownEncoding(header as string)
}

/** A body is compressed in a way that is not known. */
export class UnknownEncoding extends Refused {
  /** As the caller named it. */
  readonly named: string

  constructor(named: string) {
    super(415, `The body may be sent as ${ENCODINGS_TAKEN}: this Content-Encoding is not known.`)
    this.named = named.slice(0, 100)
  }
}

/**
 * Decodes bodies, one after the other: a few bytes can become megabytes, so the callers who send compressed
 * bodies share one decoder, and others wait for none.
 */
export class Decoders {
  #last: Promise<unknown> = Promise.resolve()

  /**
   * @param blocks the compressed body
   * @param onChunk gets what it becomes, in pieces of 16 KiB at most; it returns false when it wants no more
   * @returns null, or why the body could not be decoded
   */
  decode(
    encoding: ContentEncoding,
    blocks: readonly Buffer[],
    onChunk: (chunk: Buffer) => boolean,
  ): Promise<Refused | null> {
    const turn = this.#last.then(() => decode(encoding, blocks, onChunk))
    this.#last = turn
    return turn
  }
}

async function decode(
  encoding: ContentEncoding,
  blocks: readonly Buffer[],
  onChunk: (chunk: Buffer) => boolean,
): Promise<Refused | null> {
  const decoder = createDecoder(encoding, blocks[0]?.[0])
  const compressed = Readable.from(blocks)
  try {
    for await (const chunk of compressed.pipe(decoder)) if (!onChunk(chunk as Buffer)) return null
    return null
  } catch {
    return new Refused(
      422,
      `The request body is not ${encoding}, as its header Content-Encoding says.`,
    )
  } finally {
    compressed.destroy()
    decoder.destroy()
  }
}

/** Some send deflate without zlib's two bytes in front, the lower half of whose first is 8 (RFC 1950). */
function createDecoder(encoding: ContentEncoding, first: number | undefined) {
  const isRaw = encoding === 'deflate' && first !== undefined && (first & 0x0f) !== 8
  return isRaw ? createInflateRaw() : DECODERS[encoding]()
}
