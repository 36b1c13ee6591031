import { availableParallelism } from 'node:os'

/** Not oftener, in milliseconds: a look takes a system call or two. */
const MIN_LOOK_MS = 5

/**
 * Watches the processor time of a run. It looks when the limit can have been reached at the earliest, so a run
 * that waits costs few looks, and one that computes is caught within milliseconds.
 * @param usedMs processor time so far; a look that throws is made again
 * @param onReached called once
 * @returns a function that ends the watch and may be called again
 */
export function watchCpuTime(
  limitMs: number,
  usedMs: () => number,
  onReached: () => void,
  processors: number = availableParallelism(),
): () => void {
  let timer: NodeJS.Timeout | undefined
  const look = () => {
    let leftMs = limitMs
    try {
      leftMs = limitMs - usedMs()
    } catch {
      // No descriptor free for the counter: a timer must not throw.
    }
    if (leftMs <= 0) onReached()
    else timer = setTimeout(look, Math.max(MIN_LOOK_MS, leftMs / processors))
  }
  timer = setTimeout(look, Math.max(MIN_LOOK_MS, limitMs / processors))
  return () => clearTimeout(timer)
}
