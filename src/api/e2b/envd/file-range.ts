/** Bytes of a file; `end` is one after the last. */
export interface ByteRange {
  readonly start: number
  readonly end: number
}

/**
 * Returns the bytes that a header Range asks for (https://www.rfc-editor.org/rfc/rfc9110#name-range); null: the whole file,
 * also for several ranges and what cannot be read.
 * @returns `unsatisfiable` when the file has no such bytes
 */
export function rangeIn(
  header: string | undefined,
  size: number,
): ByteRange | 'unsatisfiable' | null {
  const found = /^bytes=(\d{0,15})-(\d{0,15})$/.exec(header?.replaceAll(' ', '') ?? '')
  const [, first = '', last = ''] = found ?? []
  if (!found || (first === '' && last === '')) return null
  if (first === '') {
    const length = Math.min(Number(last), size)
    return length === 0 ? 'unsatisfiable' : { start: size - length, end: size }
  }
  const start = Number(first)
  if (last !== '' && Number(last) < start) return null
  if (start >= size) return 'unsatisfiable'
  return { start, end: last === '' ? size : Math.min(Number(last) + 1, size) }
}
