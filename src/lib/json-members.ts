/**
 * Finds the text of members of a JSON object, without parsing the values. So they can be passed on as they were
 * written: parsing and printing would turn 1.0 into 1 and lose digits of large numbers. And no caller's text is
 * made into objects, which takes far longer for some texts than for others.
 * @param json a JSON object's text in UTF-8, known to be valid
 * @returns the value's JSON text for each of the keys that is there, a view of `json`; the last one when a
 *   key is there twice, as JSON.parse has it
 */
export function jsonMembers(json: Buffer, keys: readonly string[]): Map<string, Buffer> {
  const wanted = keys.map((text) => ({ text, bytes: Buffer.from(text) }))
  const found = new Map<string, Buffer>()
  let at = skipSpace(json, json.indexOf('{') + 1)
  while (json[at] === QUOTE) {
    const keyEnd = skipString(json, at)
    const key = wanted.find((candidate) => isString(json, at, keyEnd, candidate))
    const valueStart = skipSpace(json, skipSpace(json, keyEnd) + 1)
    const valueEnd = skipValue(json, valueStart)
    if (key !== undefined) found.set(key.text, json.subarray(valueStart, valueEnd))
    at = skipSpace(json, valueEnd)
    if (json[at] !== COMMA) break
    at = skipSpace(json, at + 1)
  }
  return found
}

/**
 * Yields the members of a JSON object, one after the other, as views of its text.
 * @param json a JSON object's text in UTF-8, known to be valid
 */
export function* jsonEntries(json: Buffer): Generator<[key: Buffer, value: Buffer]> {
  let at = skipSpace(json, json.indexOf('{') + 1)
  while (json[at] === QUOTE) {
    const keyEnd = skipString(json, at)
    const valueStart = skipSpace(json, skipSpace(json, keyEnd) + 1)
    const valueEnd = skipValue(json, valueStart)
    yield [json.subarray(at, keyEnd), json.subarray(valueStart, valueEnd)]
    at = skipSpace(json, valueEnd)
    if (json[at] !== COMMA) return
    at = skipSpace(json, at + 1)
  }
}

/**
 * Yields the elements of a JSON array, one after the other, as views of its text.
 * @param json a JSON array's text in UTF-8, known to be valid
 */
export function* jsonElements(json: Buffer): Generator<Buffer> {
  let at = skipSpace(json, json.indexOf('[') + 1)
  while (json[at] !== CLOSE_ARRAY) {
    const end = skipValue(json, at)
    yield json.subarray(at, end)
    at = skipSpace(json, end)
    if (json[at] !== COMMA) return
    at = skipSpace(json, at + 1)
  }
}

const [QUOTE, BACKSLASH, COMMA, CLOSE_ARRAY] = [0x22, 0x5c, 0x2c, 0x5d]
/** A letter can be written as 6 characters. */
const LONGEST_ESCAPE = 6

interface Key {
  readonly text: string
  /** The same in UTF-8. */
  readonly bytes: Buffer
}

/** Tells whether the JSON string from `start` to `end`, quotes included, is the key. */
function isString(json: Buffer, start: number, end: number, { text, bytes }: Key): boolean {
  const length = end - start - 2
  if (length < bytes.length || length > bytes.length * LONGEST_ESCAPE) return false
  if (length === bytes.length) return json.compare(bytes, 0, length, start + 1, end - 1) === 0
  return JSON.parse(json.toString('utf8', start, end)) === text
}

function isSpace(c: number | undefined): boolean {
  return c === 0x20 || c === 0x0a || c === 0x0d || c === 0x09
}

function skipSpace(json: Buffer, at: number): number {
  let i = at
  while (isSpace(json[i])) i++
  return i
}

/** @param at of the opening quote @returns behind the closing one */
function skipString(json: Buffer, at: number): number {
  let i = at + 1
  for (;;) {
    const c = json[i]
    if (c === QUOTE) return i + 1
    i += c === BACKSLASH ? 2 : 1
  }
}

function skipValue(json: Buffer, at: number): number {
  if (json[at] === QUOTE) return skipString(json, at)
  let depth = 0
  let i = at
  while (i < json.length) {
    const c = json[i]
    if (c === QUOTE) {
      i = skipString(json, i)
      continue
    }
    if (c === 0x7b || c === 0x5b) depth++
    else if (c === 0x7d || c === 0x5d) {
      if (depth === 0) break
      if (--depth === 0) return i + 1
    } else if (depth === 0 && (c === COMMA || isSpace(c))) break
    i++
  }
  return i
}
