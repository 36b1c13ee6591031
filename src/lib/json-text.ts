/** What is told of a text that is not JSON, or not within the bounds. */
export interface JsonFault {
  /** The byte that it fails at. */
  readonly at: number
  /** In the words of Python's json.JSONDecodeError. */
  readonly why: string
}

export interface JsonBounds {
  /** The most brackets that may be open at once. */
  readonly depth?: number
  /** The most digits of a number that has neither fraction nor exponent. */
  readonly digits?: number
  /** The most values, counted at all depths together. */
  readonly values?: number
  /** Whether NaN, Infinity and -Infinity are taken, which Python's json writes and reads. */
  readonly nonFinite?: boolean
}

/**
 * Tells whether bytes are JSON text (RFC 8259). Unlike JSON.parse it makes no objects, so its time depends only on
 * the length of the text. JSON.parse takes seconds and hundreds of megabytes for 10 MiB of brackets or keys.
 */
export function isJson(bytes: Uint8Array, bounds: JsonBounds = {}): boolean {
  return findJsonFault(bytes, bounds) === null
}

/** Returns where bytes stop to be JSON text, and why; null if they are. See isJson(). */
export function findJsonFault(bytes: Uint8Array, bounds: JsonBounds = {}): JsonFault | null {
  const { depth = Number.POSITIVE_INFINITY, nonFinite = false } = bounds
  const { digits = Number.POSITIVE_INFINITY, values = Number.POSITIVE_INFINITY } = bounds
  const open = new OpenBrackets()
  let at = skipSpace(bytes, 0)
  for (let count = 1; ; count++) {
    // At a value, or behind the bracket of one that holds others.
    const c = bytes[at]
    const start = at
    if (count > values) return { at: start, why: TOO_MANY }
    if (c === OPEN_OBJECT || c === OPEN_ARRAY) {
      const closer = c === OPEN_OBJECT ? CLOSE_OBJECT : CLOSE_ARRAY
      at = skipSpace(bytes, at + 1)
      if (bytes[at] !== closer) {
        open.push(closer)
        if (open.count > depth) return { at: start, why: TOO_DEEP }
        const key = at
        if (closer === CLOSE_OBJECT) at = skipKey(bytes, at)
        if (at < 0) return keyFault(bytes, key)
        continue
      }
      at++
    } else {
      at = skipScalar(bytes, at, digits, nonFinite)
      if (at < 0) return valueFault(bytes, start)
    }
    // Behind a value. What it was the last of is complete as well.
    at = skipSpace(bytes, at)
    while (open.last !== NONE && bytes[at] === open.last) {
      open.pop()
      at = skipSpace(bytes, at + 1)
    }
    if (open.last === NONE) return at === bytes.length ? null : { at, why: 'Extra data' }
    if (bytes[at] !== COMMA) return { at, why: "Expecting ',' delimiter" }
    at = skipSpace(bytes, at + 1)
    const key = at
    if (open.last === CLOSE_OBJECT) at = skipKey(bytes, at)
    if (at < 0) return keyFault(bytes, key)
  }
}

/** @param at of a member's name that could not be read, or has no colon behind it */
function keyFault(bytes: Uint8Array, at: number): JsonFault {
  if (bytes[at] !== QUOTE) return { at, why: 'Expecting property name enclosed in double quotes' }
  const end = skipString(bytes, at)
  if (end < 0) return stringFault(bytes, at)
  return { at: skipSpace(bytes, end), why: "Expecting ':' delimiter" }
}

function valueFault(bytes: Uint8Array, at: number): JsonFault {
  return bytes[at] === QUOTE ? stringFault(bytes, at) : { at, why: 'Expecting value' }
}

/** @param start of a string that could not be read */
function stringFault(bytes: Uint8Array, start: number): JsonFault {
  let at = start + 1
  for (;;) {
    const c = bytes[at]
    if (c === undefined) return { at: start, why: 'Unterminated string starting at' }
    if (c < 0x20) return { at, why: 'Invalid control character at' }
    if (c !== BACKSLASH) at++
    else {
      const end = skipEscape(bytes, at + 1)
      if (end < 0 && bytes[at + 1] === LETTER_U)
        return { at: at + 1, why: 'Invalid \\uXXXX escape' }
      if (end < 0) return { at, why: 'Invalid \\escape' }
      at = end
    }
  }
}

/** What is told of JSON that is not within the bounds. */
export const [TOO_MANY, TOO_DEEP] = ['Too many values', 'Nested too deep']
const NONE = 0
const [QUOTE, BACKSLASH, COMMA, COLON, LETTER_U] = [0x22, 0x5c, 0x2c, 0x3a, 0x75]
const [OPEN_OBJECT, CLOSE_OBJECT, OPEN_ARRAY, CLOSE_ARRAY] = [0x7b, 0x7d, 0x5b, 0x5d]
const [MINUS, PLUS, DOT, ZERO, NINE] = [0x2d, 0x2b, 0x2e, 0x30, 0x39]
const LETTER_E_IN_LOWER_CASE = 0x65
const WORDS = ['true', 'false', 'null'].map((word) => Buffer.from(word))
const NON_FINITE = ['NaN', 'Infinity', '-Infinity'].map((word) => Buffer.from(word))
const ESCAPES: readonly number[] = [...Buffer.from('"\\/bfnrt')]

/** What closes each of the open brackets: a byte each, for there may be millions. */
class OpenBrackets {
  count = 0
  #closers = new Uint8Array(64)

  get last(): number {
    return this.count === 0 ? NONE : (this.#closers[this.count - 1] as number)
  }

  push(closer: number): void {
    if (this.count === this.#closers.length) {
      const larger = new Uint8Array(2 * this.count)
      larger.set(this.#closers)
      this.#closers = larger
    }
    this.#closers[this.count++] = closer
  }

  pop(): void {
    this.count--
  }
}

// Each of these returns the place behind what it skips, or -1 when that is not there.

function skipSpace(bytes: Uint8Array, from: number): number {
  let at = from
  for (;;) {
    const c = bytes[at]
    if (c !== 0x20 && c !== 0x0a && c !== 0x0d && c !== 0x09) return at
    at++
  }
}

/** A member's name and its colon. */
function skipKey(bytes: Uint8Array, from: number): number {
  const end = skipString(bytes, from)
  if (end < 0) return -1
  const colon = skipSpace(bytes, end)
  return bytes[colon] === COLON ? skipSpace(bytes, colon + 1) : -1
}

function skipScalar(bytes: Uint8Array, at: number, maxDigits: number, nonFinite: boolean): number {
  const c = bytes[at]
  if (c === QUOTE) return skipString(bytes, at)
  if (isDigit(c)) return skipNumber(bytes, at, maxDigits)
  if (nonFinite) {
    const end = skipWord(bytes, at, NON_FINITE)
    if (end >= 0) return end
  }
  return c === MINUS ? skipNumber(bytes, at, maxDigits) : skipWord(bytes, at, WORDS)
}

function skipWord(bytes: Uint8Array, at: number, words: readonly Buffer[]): number {
  const isHere = (word: Buffer) => word.every((letter, index) => bytes[at + index] === letter)
  const word = words.find((candidate) => candidate[0] === bytes[at] && isHere(candidate))
  return word ? at + word.length : -1
}

function skipString(bytes: Uint8Array, from: number): number {
  if (bytes[from] !== QUOTE) return -1
  let at = from + 1
  for (;;) {
    const c = bytes[at]
    if (c === QUOTE) return at + 1
    if (c === undefined || c < 0x20) return -1
    if (c === BACKSLASH) {
      at = skipEscape(bytes, at + 1)
      if (at < 0) return -1
    } else at++
  }
}

function skipEscape(bytes: Uint8Array, at: number): number {
  const c = bytes[at] ?? NONE
  if (ESCAPES.includes(c)) return at + 1
  if (c !== LETTER_U) return -1
  for (let digit = 1; digit <= 4; digit++) if (!isHexDigit(bytes[at + digit])) return -1
  return at + 5
}

function skipNumber(bytes: Uint8Array, from: number, maxDigits: number): number {
  const first = bytes[from] === MINUS ? from + 1 : from
  let at = bytes[first] === ZERO ? first + 1 : skipDigits(bytes, first)
  const isInteger = bytes[at] !== DOT && ((bytes[at] ?? NONE) | 0x20) !== LETTER_E_IN_LOWER_CASE
  if (isInteger && at - first > maxDigits) return -1
  if (at > 0 && bytes[at] === DOT) at = skipDigits(bytes, at + 1)
  if (at > 0 && ((bytes[at] ?? NONE) | 0x20) === LETTER_E_IN_LOWER_CASE) {
    const sign = bytes[at + 1]
    at = skipDigits(bytes, sign === PLUS || sign === MINUS ? at + 2 : at + 1)
  }
  return at
}

/** At least one. */
function skipDigits(bytes: Uint8Array, from: number): number {
  let at = from
  while (isDigit(bytes[at])) at++
  return at === from ? -1 : at
}

function isDigit(c: number | undefined): boolean {
  return c !== undefined && c >= ZERO && c <= NINE
}

function isHexDigit(c: number | undefined): boolean {
  return isDigit(c) || (c !== undefined && (c | 0x20) >= 0x61 && (c | 0x20) <= 0x66)
}
