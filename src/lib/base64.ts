const PADDING = 0x3d
/** Length of text that is decoded at a time; a multiple of 4, so that the pieces fit together. */
const PIECE_BYTES = 64 * 1024

/** 1 for each character of base64's alphabet but the padding. */
const ALPHABET = new Uint8Array(256)
for (const letter of 'ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789+/') {
  ALPHABET[letter.charCodeAt(0)] = 1
}

/**
 * Decodes base64 strictly (RFC 4648, section 4): with padding, without white space. Buffer.from() accepts any
 * text.
 * @param text base64 as ASCII bytes
 * @returns null when the text is not base64
 */
export function decodeBase64(text: Buffer): Buffer | null {
  const { length } = text
  if (length % 4 !== 0) return null
  let padding = 0
  while (padding < 2 && padding < length && text[length - 1 - padding] === PADDING) padding++
  for (let at = 0; at < length - padding; at++) {
    if (ALPHABET[text[at] as number] === 0) return null
  }
  const decoded = Buffer.allocUnsafeSlow((length / 4) * 3 - padding)
  let written = 0
  for (let at = 0; at < length; at += PIECE_BYTES) {
    const piece = text.toString('latin1', at, Math.min(length, at + PIECE_BYTES))
    written += decoded.write(piece, written, 'base64')
  }
  return decoded
}
