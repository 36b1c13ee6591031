import { createHmac, hkdfSync, randomBytes, timingSafeEqual } from 'node:crypto'
import { chmodSync, closeSync, fsyncSync, openSync, readFileSync, writeSync } from 'node:fs'
import path from 'node:path'

const KEY_BYTES = 32
const KEY_FILE = 'signing-key'

/**
 * Returns the key by which a service signs URLs: one of its own, from a secret that all services of a data folder share.
 * The file of the secret is made at first, and only the user of the service can read it.
 * @param name of the service among those of the folder
 */
export function signingKey(home: string, name: string): Buffer {
  const file = path.join(home, KEY_FILE)
  let secret = secretIn(file)
  if (!secret) {
    try {
      const fd = openSync(file, 'wx', 0o600)
      writeSync(fd, randomBytes(KEY_BYTES))
      fsyncSync(fd)
      closeSync(fd)
    } catch {
      // Another service of the folder has made it meanwhile; else the next line tells what is wrong.
    }
    chmodSync(file, 0o600)
    secret = secretIn(file) ?? randomBytes(KEY_BYTES)
  }
  return Buffer.from(hkdfSync('sha256', secret, '', `signed URLs of ${name}`, KEY_BYTES))
}

function secretIn(file: string): Buffer | null {
  try {
    const bytes = readFileSync(file)
    return bytes.length === KEY_BYTES ? bytes : null
  } catch {
    return null
  }
}

/** What a signed URL gives access to, until it expires. */
export interface Grant {
  readonly session: string
  /** `GET /path` or `PUT /path` of a file, or `port N`. */
  readonly what: string
  readonly expiresAtMs: number
}

/** Signs grants, and checks them. */
export class SignedUrls {
  readonly #key: Buffer

  constructor(key: Buffer) {
    this.#key = key
  }

  sign({ session, what, expiresAtMs }: Grant): string {
    // Each part is in a JSON string of its own: no two grants have the same text.
    const text = JSON.stringify([session, what, expiresAtMs])
    return createHmac('sha256', this.#key).update(text).digest('base64url')
  }

  /** Whether this service signed it, and it has not expired. */
  isValid(grant: Grant, signature: string): boolean {
    const [expected, given] = [Buffer.from(this.sign(grant)), Buffer.from(signature)]
    if (expected.length !== given.length || !timingSafeEqual(expected, given)) return false
    return grant.expiresAtMs > Date.now()
  }
}
