/** Of a pattern, in UTF-16 units. A person types no longer one. */
export const MOST_PATTERN = 256

/**
 * Returns what tells whether a text is as a pattern with `*` (any characters) and `?` (one character) says.
 *
 * It runs where all callers are served. Its time grows with the product of both lengths, so the pattern is bounded.
 * @returns null: the pattern has more than MOST_PATTERN units
 */
export function globOf(pattern: string): ((text: string) => boolean) | null {
  if (pattern.length > MOST_PATTERN) return null
  // Several `*` in a row say what one says.
  const [first = '', ...parts] = pattern.replace(/\*+/g, '*').split('*')
  const last = parts.pop()
  return (text) => {
    if (last === undefined) return text.length === first.length && isAt(text, first, 0)
    const end = text.length - last.length
    if (end < first.length || !isAt(text, first, 0) || !isAt(text, last, end)) return false
    // The earliest place of each part leaves the most for those behind it.
    let from = first.length
    for (const part of parts) {
      const at = placeOf(text, part, from, end)
      if (at < 0) return false
      from = at + part.length
    }
    return true
  }
}

/** Where a part, with `?`, is the first time between two places of a text; -1: nowhere. */
function placeOf(text: string, part: string, from: number, to: number): number {
  if (!part.includes('?')) {
    const at = text.indexOf(part, from)
    return at + part.length <= to ? at : -1
  }
  for (let at = from; at + part.length <= to; at++) if (isAt(text, part, at)) return at
  return -1
}

function isAt(text: string, part: string, at: number): boolean {
  for (let index = 0; index < part.length; index++) {
    if (part[index] !== '?' && part[index] !== text[at + index]) return false
  }
  return true
}
