import { createHash, timingSafeEqual } from 'node:crypto'

const NAME = /^[\w.-]{1,64}$/
const MIN_KEY_CHARS = 16

/**
 * The keys of callers, each with a name for logs, limits and the queue. Only digests are kept, so this process's
 * memory holds no key.
 */
export class ApiKeys {
  readonly #digests: readonly { readonly name: string; readonly digest: Buffer }[]

  private constructor(digests: readonly { name: string; digest: Buffer }[]) {
    this.#digests = digests
  }

  /**
   * Parses keys.
   * @param text `name:key` pairs, separated by commas; a key has 16 characters or more
   * @returns what is wrong with the text, in words that do not show a key, or the keys
   */
  static parse(text: string): ApiKeys | { readonly wrong: string } {
    const digests: { name: string; digest: Buffer }[] = []
    const pairs = text.split(',').map((pair) => pair.trim())
    for (const [index, pair] of pairs.filter(Boolean).entries()) {
      const colon = pair.indexOf(':')
      const name = pair.slice(0, Math.max(0, colon))
      const key = pair.slice(colon + 1)
      const which = `entry ${index + 1}`
      if (!NAME.test(name)) return { wrong: `${which} is not name:key` }
      if (key.length < MIN_KEY_CHARS) return { wrong: `the key in ${which} is too short` }
      if (digests.some((known) => known.name === name)) {
        return { wrong: `${which} repeats the name ${name}` }
      }
      digests.push({ name, digest: digestOf(key) })
    }
    return new ApiKeys(digests)
  }

  get names(): string[] {
    return this.#digests.map(({ name }) => name)
  }

  get count(): number {
    return this.#digests.length
  }

  /** Returns the name of a key; null when there is no such key. Its time does not depend on the keys. */
  identify(key: string): string | null {
    const digest = digestOf(key)
    let found: string | null = null
    for (const known of this.#digests) {
      if (timingSafeEqual(known.digest, digest)) found = known.name
    }
    return found
  }
}

function digestOf(key: string): Buffer {
  return createHash('sha256').update(key).digest()
}
