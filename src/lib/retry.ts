import { setTimeout as sleep } from 'node:timers/promises'
import type { Progress } from './progress.ts'
import { scaledMs } from './time-scale.ts'

const WAITS_MS = [5_000, 20_000].map(scaledMs)

/**
 * Does something that depends on a network up to three times.
 * @param what named in the line that says that it is tried again
 * @throws what the last attempt threw
 */
export async function retried<T>(
  what: string,
  progress: Progress,
  attempt: () => Promise<T>,
  waitsMs: readonly number[] = WAITS_MS,
): Promise<T> {
  for (const waitMs of waitsMs) {
    try {
      return await attempt()
    } catch {
      progress(`${what} failed, it is tried again in ${Math.round(waitMs / 1000)} s`)
      await sleep(waitMs)
    }
  }
  return attempt()
}
