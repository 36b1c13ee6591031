const [BACKSLASH, LETTER_U] = [0x5c, 0x75]
/** What stands behind the backslash, and the byte that it means. */
const SHORT = new Map(
  Object.entries({
    '"': '"',
    '\\': '\\',
    '/': '/',
    b: '\b',
    f: '\f',
    n: '\n',
    r: '\r',
    t: '\t',
  }).map(([letter, meant]) => [letter.charCodeAt(0), meant.charCodeAt(0)]),
)

/**
 * The text of a JSON string, in UTF-8. Unlike JSON.parse it makes no string of it, which for megabytes
 * takes several times their memory. Half of a surrogate pair becomes U+FFFD.
 * @param json a JSON string with its quotes, in UTF-8, known to be valid
 * @returns a view of `json` where nothing is escaped
 */
export function jsonStringBytes(json: Buffer): Buffer {
  let from = json.indexOf(BACKSLASH)
  if (from < 0) return json.subarray(1, -1)
  const end = json.length - 1
  // No escape is shorter than what it means.
  const text = Buffer.allocUnsafeSlow(end - 1)
  let length = json.copy(text, 0, 1, from)
  while (from < end) {
    const letter = json[from + 1] as number
    if (letter === LETTER_U) {
      const unit = unitAt(json, from)
      const isPair = isHigh(unit) && json[from + 6] === BACKSLASH && json[from + 7] === LETTER_U
      const low = isPair ? unitAt(json, from + 6) : 0
      const whole = isPair && isLow(low)
      length += text.write(
        whole ? String.fromCharCode(unit, low) : String.fromCharCode(unit),
        length,
      )
      from += whole ? 12 : 6
    } else {
      text[length++] = SHORT.get(letter) as number
      from += 2
    }
    const next = json.indexOf(BACKSLASH, from)
    const upTo = next < 0 ? end : next
    length += json.copy(text, length, from, upTo)
    from = upTo
  }
  return text.subarray(0, length)
}

function unitAt(json: Buffer, at: number): number {
  return Number.parseInt(json.toString('latin1', at + 2, at + 6), 16)
}

const isHigh = (unit: number) => unit >= 0xd800 && unit <= 0xdbff
const isLow = (unit: number) => unit >= 0xdc00 && unit <= 0xdfff
