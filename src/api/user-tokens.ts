import { createHash, createPublicKey, type KeyObject, verify } from 'node:crypto'

/** A user whom a token names. */
export interface TokenUser {
  /** The name of the caller on whose account the request is. */
  readonly caller: string
  /** What the users of one installation share is accounted for together. */
  readonly shared: string
}

const [ISSUER, AUDIENCE] = ['librechat', 'codeapi']
const ALGORITHMS = {
  EdDSA: { type: 'ed25519', digest: null },
  RS256: { type: 'rsa', digest: 'sha256' },
}
/** Clocks may differ by this much; a token lives 300 s at most. */
const SKEW_S = 30
const LONGEST_LIFE_S = 300
const MAX_TOKEN_CHARACTERS = 16 * 1024
const PLAIN = /^[\w@.-]{1,64}$/
const SINGLE_TENANT = 'legacy'

/**
 * Checks the tokens that LibreChat mints for its users: JSON Web Tokens (RFC 7519) for a code interpreter, signed
 * with EdDSA or RS256.
 */
export class UserTokens {
  /** By their `kid`; null: for all. */
  readonly #keys: ReadonlyMap<string | null, KeyObject>

  private constructor(keys: ReadonlyMap<string | null, KeyObject>) {
    this.#keys = keys
  }

  /**
   * Reads public keys.
   * @param text one key as PEM, or a JSON Web Key Set (RFC 7517), of which keys that name no `kid` are left out
   * @returns what is wrong with the text, or what checks tokens
   */
  static parse(text: string): UserTokens | { readonly wrong: string } {
    try {
      const keys = text.trimStart().startsWith('{')
        ? keySet(text)
        : new Map([[null, publicKey(text)]])
      const isUsable = ({ asymmetricKeyType: type }: KeyObject) =>
        type === 'ed25519' || type === 'rsa'
      if (keys.size > 0 && [...keys.values()].every(isUsable)) return new UserTokens(keys)
      return { wrong: 'has no public key, or one that is neither Ed25519 nor RSA' }
    } catch {
      return { wrong: 'is neither a public key in PEM nor a JSON Web Key Set' }
    }
  }

  /** Whether a text looks like a token; keys have another form. */
  static isToken(text: string): boolean {
    return /^[\w-]+\.[\w-]+\.[\w-]*$/.test(text)
  }

  /** @param nowMs of the epoch @returns null: the token is not valid */
  userOf(token: string, nowMs = Date.now()): TokenUser | null {
    const [head = '', body = '', signature = ''] = token.split('.')
    if (token.length > MAX_TOKEN_CHARACTERS || !UserTokens.isToken(token)) return null
    const header = jsonIn(head)
    const key = this.#keys.get(null) ?? this.#keys.get(String(header?.kid))
    const isKnown = typeof header?.alg === 'string' && Object.hasOwn(ALGORITHMS, header.alg)
    if (!key || !isKnown) return null
    const { type, digest } = ALGORITHMS[header.alg as keyof typeof ALGORITHMS]
    if (key.asymmetricKeyType !== type) return null
    const signed = Buffer.from(`${head}.${body}`)
    if (!verify(digest, signed, key, Buffer.from(signature, 'base64url'))) return null
    const claims = jsonIn(body)
    return claims && isCurrent(claims, nowMs / 1000) ? userIn(claims) : null
  }
}

function keySet(text: string): Map<string | null, KeyObject> {
  const { keys } = JSON.parse(text) as { keys: { kid?: unknown }[] }
  const named = keys.filter(({ kid }) => typeof kid === 'string')
  return new Map(
    named.map((jwk) => [jwk.kid as string, createPublicKey({ key: jwk, format: 'jwk' })]),
  )
}

/** A private key is refused: createPublicKey() would derive the public one. */
function publicKey(pem: string): KeyObject {
  if (pem.includes('PRIVATE')) throw new Error('a private key')
  return createPublicKey(pem)
}

type Claims = Readonly<Record<string, unknown>>

function jsonIn(part: string): Claims | null {
  try {
    const value: unknown = JSON.parse(Buffer.from(part, 'base64url').toString())
    return typeof value === 'object' && value !== null ? (value as Claims) : null
  } catch {
    return null
  }
}

function isCurrent({ iss, aud, iat, nbf, exp }: Claims, nowS: number): boolean {
  const isForUs = iss === ISSUER && [aud].flat().includes(AUDIENCE)
  if (!isForUs || typeof iat !== 'number' || typeof exp !== 'number') return false
  const begins = typeof nbf === 'number' ? Math.max(iat, nbf) : iat
  const isNow = begins - SKEW_S <= nowS && nowS < exp + SKEW_S
  return isNow && exp - iat <= LONGEST_LIFE_S
}

function userIn({ sub, tenant_id: tenant = SINGLE_TENANT }: Claims): TokenUser | null {
  if (typeof sub !== 'string' || sub === '' || typeof tenant !== 'string') return null
  const shared = `librechat:${plain(tenant)}`
  return { caller: `${shared}:${plain(sub)}`, shared }
}

/** Such names stand in logs. */
function plain(name: string): string {
  return PLAIN.test(name) ? name : createHash('sha256').update(name).digest('hex').slice(0, 40)
}
