/**
 * One factor for the time limits that the manager sets itself: boot, warm-up, checkpoint, probe, the
 * tools it starts, its margin behind the wall time limit. They are generous on real hardware; an emulated
 * processor is 10 to 20 times slower. The limits of runs are settings of their own and are not scaled.
 *
 * The variable is read here and not in config.ts, because these limits are constants; config.ts checks it.
 */
const MOST = 1000

/** Parses the factor, 1 to 1000; null when the text is no such number. */
export function parseTimeScale(text: string): number | null {
  const factor = /^\d+(\.\d+)?$/.test(text.trim()) ? Number(text) : Number.NaN
  return factor >= 1 && factor <= MOST ? factor : null
}

export const TIME_SCALE = parseTimeScale(process.env.EXECUTOR_MANAGER_TIME_SCALE ?? '') ?? 1

/** Multiplies one of the manager's own time limits by the factor. */
export function scaledMs(ms: number): number {
  return Math.round(ms * TIME_SCALE)
}
