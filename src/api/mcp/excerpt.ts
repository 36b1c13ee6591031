/** How much of a stream a model is shown: characters from its beginning, and from its end. */
export interface ExcerptSize {
  readonly head: number
  readonly tail: number
}

/**
 * Returns head and tail of a text, with a line between them that says what is missing.
 * @param where the whole can be read; null: nowhere
 * @returns the text itself where it is short enough
 */
export function excerptOf(text: string, { head, tail }: ExcerptSize, where: string | null): string {
  if (text.length <= head + tail) return text
  const left = text.length - head - tail
  const hint = where === null ? '' : `; the whole is in the resource ${where}`
  const start = wellFormed(text.slice(0, head))
  const end = wellFormed(text.slice(-tail))
  return `${start}\n[... ${left} characters left out${hint} ...]\n${end}`
}

/** Tells whether excerptOf() leaves something out of a text. */
export function isExcerpt(text: string, { head, tail }: ExcerptSize): boolean {
  return text.length > head + tail
}

/** Returns the text without halves of surrogate pairs, which a cut may leave. */
export function wellFormed(text: string): string {
  return Buffer.from(text).toString()
}
