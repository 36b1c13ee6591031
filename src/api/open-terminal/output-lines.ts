import type { OutputPiece } from '../../sessions/output-ring.ts'

/** Lines that have an entry of their own, the latest. */
const MAX_LINES = 4096
const LINE_FEED = 10

export interface OutputEntry {
  readonly type: OutputPiece['stream']
  data: string
}

/**
 * Returns output, a line to an entry. Where there are very many lines the first of them share entries: a line of one
 * byte takes thirty in an answer.
 */
export function linesIn(pieces: readonly OutputPiece[]): OutputEntry[] {
  const entries: OutputEntry[] = []
  const add = (type: OutputEntry['type'], data: string) => {
    const last = entries.at(-1)
    if (last?.type === type && !last.data.endsWith('\n')) last.data += data
    else entries.push({ type, data })
  }
  let spare = pieces.reduce((sum, { bytes }) => sum + linesOf(bytes), 0) - MAX_LINES
  for (const { stream, bytes } of pieces) {
    let start = 0
    for (; spare > 0 && start < bytes.length; spare--) start = endOfLine(bytes, start)
    if (start > 0) add(stream, bytes.toString('utf8', 0, start))
    for (const data of bytes.toString('utf8', start).match(/[^\n]*\n|[^\n]+/g) ?? []) {
      add(stream, data)
    }
  }
  return entries
}

function linesOf(bytes: Buffer): number {
  let lines = 0
  for (let at = 0; at < bytes.length; at = endOfLine(bytes, at)) lines++
  return lines
}

function endOfLine(bytes: Buffer, start: number): number {
  const end = bytes.indexOf(LINE_FEED, start)
  return end < 0 ? bytes.length : end + 1
}
