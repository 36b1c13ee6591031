import { createHash, timingSafeEqual } from 'node:crypto'

/** A request for a file that shows by its address that it may be made. */
export interface SignedFile {
  /** As it is in the address. */
  readonly path: string
  readonly operation: 'read' | 'write'
  /** As it is in the address; empty: none. */
  readonly username: string
  /** Of the epoch; null: it does not expire. */
  readonly expiresAtS: number | null
}

/** Returns the signature that E2B's clients make for a file. */
export function signatureOf(file: SignedFile, accessToken: string): string {
  return signerOf(file)(accessToken)
}

const SIGNATURE = /^v1_[A-Za-z0-9+/]{43}$/

/**
 * Returns what tells whether a signature is that of a file by an access token. What is before the token is hashed once,
 * however many tokens are tried.
 * @returns null: no token has such a signature
 */
export function matcherOf(
  file: SignedFile,
  signature: string,
): ((accessToken: string) => boolean) | null {
  if (!SIGNATURE.test(signature)) return null
  const [sign, shown] = [signerOf(file), Buffer.from(signature)]
  return (accessToken) => timingSafeEqual(shown, Buffer.from(sign(accessToken)))
}

function signerOf({ path, operation, username, expiresAtS }: SignedFile) {
  const begun = createHash('sha256').update(`${path}:${operation}:${username}:`)
  const end = expiresAtS === null ? '' : `:${expiresAtS}`
  return (accessToken: string) => {
    const digest = begun.copy().update(`${accessToken}${end}`).digest('base64')
    return `v1_${digest.slice(0, 43)}`
  }
}

/** Compares a secret with what was shown; the time that it takes does not depend on the secret. */
export function isSame(shown: string, secret: string): boolean {
  const digest = (text: string) => createHash('sha256').update(text).digest()
  return timingSafeEqual(digest(shown), digest(secret))
}
