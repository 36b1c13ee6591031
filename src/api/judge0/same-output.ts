const [TAB, LINE_FEED, RETURN, SPACE] = [9, 10, 13, 32]

/**
 * Tells whether an output is the one that was expected, as Judge0 compares: blanks at the ends of lines, and lines
 * at the end, do not count. It goes over both once and keeps nothing, however large they are.
 */
export function isSameOutput(expected: Buffer, output: Buffer): boolean {
  if (expected.equals(output)) return true
  let [at, other] = [0, 0]
  for (;;) {
    const [byte, otherByte] = [expected[at], output[other]]
    if (byte !== undefined && byte === otherByte && !isBlank(byte)) {
      at++
      other++
      continue
    }
    const [gap, otherGap] = [gapAt(expected, at), gapAt(output, other)]
    const isEnd = gap.end === expected.length
    if (isEnd || otherGap.end === output.length) {
      return isEnd && otherGap.end === output.length
    }
    const isSame =
      gap.lines === otherGap.lines &&
      expected.compare(output, otherGap.indent, otherGap.end, gap.indent, gap.end) === 0
    // Without a blank in either, the bytes differ.
    if (!isSame || (gap.end === at && otherGap.end === other)) return false
    at = gap.end
    other = otherGap.end
  }
}

/** Blanks from a place on: how many lines end in them, and where those that count begin. */
function gapAt(bytes: Buffer, start: number): { lines: number; indent: number; end: number } {
  let [lines, indent, end] = [0, start, start]
  for (; end < bytes.length && isBlank(bytes[end] as number); end++) {
    if (bytes[end] !== LINE_FEED) continue
    lines++
    indent = end + 1
  }
  return { lines, indent, end }
}

/** What Ruby's `rstrip` takes away. */
function isBlank(byte: number): boolean {
  return byte === SPACE || (byte >= TAB && byte <= RETURN) || byte === 0
}
