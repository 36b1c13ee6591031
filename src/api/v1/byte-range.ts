/** A part of a file. */
export interface ByteRange {
  readonly offset: number
  readonly length: number
}

const ONE_RANGE = /^bytes=(?:(\d{1,15})-(\d{1,15})?|-(\d{1,15}))$/

/**
 * Reads the header Range of a request (RFC 9110, 14.2).
 * @param size of the file
 * @returns null: the whole file is wanted, also where several parts are asked for or the header is not understood;
 *   `unsatisfiable`: no byte of it is in the file
 */
export function rangeOf(
  header: string | undefined,
  size: number,
): ByteRange | null | 'unsatisfiable' {
  const [, from, to, last] = ONE_RANGE.exec(header ?? '') ?? []
  if (last !== undefined) {
    const length = Math.min(Number(last), size)
    return length > 0 ? { offset: size - length, length } : 'unsatisfiable'
  }
  if (from === undefined) return null
  const offset = Number(from)
  const end = to === undefined ? size : Math.min(Number(to) + 1, size)
  if (to !== undefined && Number(to) < offset) return null
  return offset < size ? { offset, length: end - offset } : 'unsatisfiable'
}
