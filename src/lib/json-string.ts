const [BACKSLASH, LETTER_U] = [0x5c, 0x75]
const REPLACEMENT = 0xfffd

/** What stands behind the backslash, and the byte that it means. */
const SHORT = new Uint8Array(256)
for (const [letter, meant] of ['""', '\\\\', '//', 'b\b', 'f\f', 'n\n', 'r\r', 't\t']) {
  SHORT[letter?.charCodeAt(0) ?? 0] = meant?.charCodeAt(0) ?? 0
}

/**
 * Returns the text of a JSON string, in UTF-8. Unlike JSON.parse it makes no string of it, which for megabytes
 * takes several times their memory. Half of a surrogate pair becomes U+FFFD.
 * @param json a JSON string with its quotes, in UTF-8, known to be valid
 * @returns a view of `json` where nothing is escaped
 */
export function jsonStringBytes(json: Buffer): Buffer {
  if (!json.includes(BACKSLASH)) return json.subarray(1, -1)
  const end = json.length - 1
  // No escape is shorter than what it means.
  const text = Buffer.allocUnsafeSlow(end)
  let length = 0
  for (let at = 1; at < end; ) {
    const byte = json[at] as number
    if (byte !== BACKSLASH) {
      text[length++] = byte
      at++
    } else if (json[at + 1] !== LETTER_U) {
      text[length++] = SHORT[json[at + 1] as number] as number
      at += 2
    } else {
      const unit = unitAt(json, at)
      const low = isHigh(unit) && hasUnit(json, at + 6) ? unitAt(json, at + 6) : 0
      const isPair = isLow(low)
      const point = isPair ? 0x10000 + ((unit - 0xd800) << 10) + (low - 0xdc00) : unit
      length = writePoint(text, length, isHigh(point) || isLow(point) ? REPLACEMENT : point)
      at += isPair ? 12 : 6
    }
  }
  return text.subarray(0, length)
}

const isHigh = (unit: number) => unit >= 0xd800 && unit <= 0xdbff
const isLow = (unit: number) => unit >= 0xdc00 && unit <= 0xdfff
const hasUnit = (json: Buffer, at: number) => json[at] === BACKSLASH && json[at + 1] === LETTER_U

/** @param at of the backslash */
function unitAt(json: Buffer, at: number): number {
  let unit = 0
  for (let i = at + 2; i < at + 6; i++) {
    const digit = json[i] as number
    unit = unit * 16 + (digit <= 0x39 ? digit - 0x30 : (digit | 0x20) - 0x57)
  }
  return unit
}

/** @returns behind the character */
function writePoint(text: Buffer, start: number, point: number): number {
  let at = start
  if (point < 0x80) text[at++] = point
  else if (point < 0x800) text[at++] = 0xc0 | (point >> 6)
  else {
    if (point < 0x10000) text[at++] = 0xe0 | (point >> 12)
    else {
      text[at++] = 0xf0 | (point >> 18)
      text[at++] = 0x80 | ((point >> 12) & 0x3f)
    }
    text[at++] = 0x80 | ((point >> 6) & 0x3f)
  }
  if (point >= 0x80) text[at++] = 0x80 | (point & 0x3f)
  return at
}
