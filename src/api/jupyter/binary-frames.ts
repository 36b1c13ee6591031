import { headerOf, type KernelMessage } from './message.ts'

/**
 * The binary sub-protocol of the channels' WebSocket
 * (https://jupyter-server.readthedocs.io/en/latest/developers/websocket-protocols.html): a u64 that counts offsets,
 * the offsets, each a u64, little-endian, then what they point to: the channel and the parts of a message.
 */
export const BINARY_PROTOCOL = 'v1.kernel.websocket.jupyter.org'

const WORD = 8
/** Of the channel, header, parent header, metadata and content; buffers follow. */
const [FEWEST_OFFSETS, MOST_OFFSETS] = [6, 70]

/**
 * Returns the text frame that says the same as a binary one. Buffers, for which no request here has a use, are left
 * out.
 * @returns null: it is no such frame
 */
export function textFrameOf(frame: Buffer): Buffer | null {
  if (frame.length < WORD) return null
  const count = Number(frame.readBigUInt64LE(0))
  if (count < FEWEST_OFFSETS || count > MOST_OFFSETS || frame.length < WORD * (1 + count))
    return null
  const offsets = Array.from({ length: count }, (_, index) =>
    Number(frame.readBigUInt64LE(WORD * (1 + index))),
  )
  const isInOrder = offsets.every(
    (offset, index) =>
      offset >= (offsets[index - 1] ?? WORD * (1 + count)) && offset <= frame.length,
  )
  if (!isInOrder) return null
  const part = (index: number) => frame.subarray(offsets[index], offsets[index + 1])
  const channel = Buffer.from(JSON.stringify(part(0).toString('latin1')))
  const words = ['{"channel":', channel, ',"header":', part(1), ',"content":', part(4), '}']
  return Buffer.concat(words.map((word) => (typeof word === 'string' ? Buffer.from(word) : word)))
}

/** Returns the frame of a kernel's message, as frameOf() does in text. */
export function binaryFrameOf(
  session: string,
  parentJson: string,
  { channel, type, contentJson }: KernelMessage,
): Buffer {
  const header = JSON.stringify(headerOf(session, type))
  const parts = [channel, header, parentJson, '{}', contentJson].map((text) => Buffer.from(text))
  const head = Buffer.alloc(WORD * (2 + parts.length))
  head.writeBigUInt64LE(BigInt(parts.length + 1))
  let at = head.length
  for (const [index, bytes] of [...parts, Buffer.alloc(0)].entries()) {
    head.writeBigUInt64LE(BigInt(at), WORD * (1 + index))
    at += bytes.length
  }
  return Buffer.concat([head, ...parts])
}
