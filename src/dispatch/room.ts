/**
 * Who may wait: decides for a run that comes whether it is let in, and who has to go for it, as a pure
 * function of what waits. A caller's line is everything of its that waits, over all runtimes.
 *
 *   A caller whose line is empty is let in, unless its one run has more bytes than any other line.
 *   When the queue is full the youngest run of the longest line goes, by number or by bytes.
 *   A line has bounds of its own, whatever the others leave free.
 */

/** A run that waits. */
export interface Waiter {
  readonly caller: string
  /** Of code, arguments and input. */
  readonly bytes: number
}

export interface QueueBounds {
  /** Runs that may wait at once, over all runtimes. */
  readonly queueLength: number
  /** Of one caller. */
  readonly queueLengthPerCaller: number
  /** Code, arguments and input that wait, in bytes: of all callers, and of one. */
  readonly queueBytes: number
  readonly queueBytesPerCaller: number
}

interface Line<W extends Waiter> {
  /** From the oldest to the youngest. */
  readonly waiters: W[]
  bytes: number
}

/**
 * Makes room for one more run.
 * @param waiting all that wait, from the oldest to the youngest
 * @returns who has to go, often nobody; null when the run itself is refused
 */
export function makeRoom<W extends Waiter>(
  run: Waiter,
  waiting: Iterable<W>,
  bounds: QueueBounds,
): W[] | null {
  const lines = linesOf(waiting)
  const own = lines.get(run.caller) ?? { waiters: [], bytes: 0 }
  const isFirst = own.waiters.length === 0
  const ownBytes = own.bytes + run.bytes
  if (own.waiters.length + 1 > bounds.queueLengthPerCaller) return null
  if (ownBytes > bounds.queueBytesPerCaller) return null
  const others = [...lines.values()].filter((line) => line !== own)
  const sum = (measure: (line: Line<W>) => number) =>
    others.reduce((total, line) => total + measure(line), 0)
  const gone: W[] = []
  const evictFrom = (line: Line<W>) => {
    const youngest = line.waiters.pop() as W
    line.bytes -= youngest.bytes
    gone.push(youngest)
  }
  while (sum(lengthOf) + own.waiters.length + 1 > bounds.queueLength) {
    const longest = largest(others, lengthOf)
    // With one run of each caller the queue is as short as it may be.
    if (isFirst && (!longest || longest.waiters.length <= 1)) break
    if (!longest || longest.waiters.length <= own.waiters.length + 1) return null
    evictFrom(longest)
  }
  while (sum(bytesOf) + ownBytes > bounds.queueBytes) {
    const longest = largest(others, bytesOf)
    if (!longest || longest.bytes <= ownBytes) return null
    evictFrom(longest)
  }
  return gone
}

function linesOf<W extends Waiter>(waiting: Iterable<W>): Map<string, Line<W>> {
  const lines = new Map<string, Line<W>>()
  for (const waiter of waiting) {
    const line = lines.get(waiter.caller) ?? { waiters: [], bytes: 0 }
    lines.set(waiter.caller, line)
    line.waiters.push(waiter)
    line.bytes += waiter.bytes
  }
  return lines
}

const lengthOf = ({ waiters }: Line<Waiter>) => waiters.length
const bytesOf = ({ bytes }: Line<Waiter>) => bytes

/** The line that measures most; the first of them when there are several. */
function largest<L>(lines: readonly L[], measure: (line: L) => number): L | null {
  let found: L | null = null
  for (const line of lines) if (!found || measure(line) > measure(found)) found = line
  return found
}
