/**
 * Finds the text of one member of a JSON object, so that it can be passed on as it was written:
 * parsing and printing it again would turn 1.0 into 1 and take digits from large numbers.
 * @param json a JSON object's text, known to be valid
 * @returns the member's value as JSON text, the last one when the key is there twice (as JSON.parse
 *   has it), or null when it is not there
 */
export function jsonMember(json: string, key: string): string | null {
  let found: string | null = null
  let at = skipSpace(json, json.indexOf('{') + 1)
  while (json[at] === '"') {
    const keyEnd = skipString(json, at)
    const name: unknown = JSON.parse(json.slice(at, keyEnd))
    const valueStart = skipSpace(json, skipSpace(json, keyEnd) + 1)
    const valueEnd = skipValue(json, valueStart)
    if (name === key) found = json.slice(valueStart, valueEnd)
    at = skipSpace(json, valueEnd)
    if (json[at] !== ',') break
    at = skipSpace(json, at + 1)
  }
  return found
}

function skipSpace(json: string, at: number): number {
  let i = at
  while (json[i] === ' ' || json[i] === '\n' || json[i] === '\r' || json[i] === '\t') i++
  return i
}

/** @param at of the opening quote @returns behind the closing one */
function skipString(json: string, at: number): number {
  let end = at
  for (;;) {
    end = json.indexOf('"', end + 1)
    let backslashes = 0
    while (json[end - 1 - backslashes] === '\\') backslashes++
    if (backslashes % 2 === 0) return end + 1
  }
}

function skipValue(json: string, at: number): number {
  if (json[at] === '"') return skipString(json, at)
  let depth = 0
  let i = at
  for (; i < json.length; i++) {
    const c = json[i]
    if (c === '"') i = skipString(json, i) - 1
    else if (c === '{' || c === '[') depth++
    else if (c === '}' || c === ']') {
      if (depth === 0) break
      depth--
      if (depth === 0) return i + 1
    } else if (depth === 0 && (c === ',' || c === ' ' || c === '\n' || c === '\r' || c === '\t'))
      break
  }
  return i
}
