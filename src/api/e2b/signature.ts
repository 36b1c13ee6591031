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
  const { path, operation, username, expiresAtS } = file
  const parts = [path, operation, username, accessToken]
  if (expiresAtS !== null) parts.push(String(expiresAtS))
  const digest = createHash('sha256').update(parts.join(':')).digest('base64')
  return `v1_${digest.replace(/=+$/, '')}`
}

/** Compares a secret with what was shown; the time that it takes does not depend on the secret. */
export function isSame(shown: string, secret: string): boolean {
  const digest = (text: string) => createHash('sha256').update(text).digest()
  return timingSafeEqual(digest(shown), digest(secret))
}
