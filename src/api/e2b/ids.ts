const ALPHABET = 'abcdefghijklmnopqrstuvwxyz234567'
const ID_BYTES = 15
const SANDBOX_ID = /^i[a-z2-7]{24}$/
const SESSION_ID = /^[\w-]{20}$/

/**
 * Returns the id of a session as E2B's clients know it: lower case letters and digits, so that it can be a part of
 * the name of a host. It is the same number in another alphabet (base32, https://www.rfc-editor.org/rfc/rfc4648).
 */
export function sandboxIdOf(sessionId: string): string {
  let number = BigInt(`0x${Buffer.from(sessionId, 'base64url').toString('hex')}`)
  let letters = ''
  for (let at = 0; at < (ID_BYTES * 8) / 5; at++) {
    letters = ALPHABET[Number(number & 31n)] + letters
    number >>= 5n
  }
  return `i${letters}`
}

/** Returns the id of the session behind an id of a sandbox; null: no session can have it. */
export function sessionIdOf(sandboxId: string): string | null {
  if (!SANDBOX_ID.test(sandboxId)) return null
  let number = 0n
  for (const letter of sandboxId.slice(1)) {
    number = (number << 5n) | BigInt(ALPHABET.indexOf(letter))
  }
  const bytes = Buffer.from(number.toString(16).padStart(2 * ID_BYTES, '0'), 'hex')
  const sessionId = bytes.toString('base64url')
  return SESSION_ID.test(sessionId) ? sessionId : null
}
