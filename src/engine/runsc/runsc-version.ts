/** Which runsc is good enough. Pure. */

/** Older ones lack systrap or uncompressed checkpoints. */
export const MINIMUM_RUNSC_DATE = 20240729

/**
 * The first line of `runsc --version`: "runsc version release-20240729.0" from gVisor itself,
 * "runsc version 0.0~20240729.0" from Debian. Returns the part after "version".
 */
export function parseRunscVersion(output: string): string | undefined {
  return /^runsc version (\S+)/m.exec(output)?.[1]
}

/** The date in a version as a number (20240729), or undefined for a build without one. */
export function runscDate(version: string): number | undefined {
  const digits = /(?:^|\D)(20\d{6})(?:\D|$)/.exec(version)?.[1]
  return digits === undefined ? undefined : Number(digits)
}

const DAY_MS = 24 * 3600 * 1000

/**
 * How old a release is, in words.
 * @param nowMs since the epoch
 */
export function ageOf(version: string, nowMs: number): { text: string; isOld: boolean } {
  const digits = runscDate(version)?.toString()
  if (!digits) return { text: 'of unknown age', isOld: false }
  const date = digits.replace(/(....)(..)(..)/, '$1-$2-$3')
  const days = Math.max(0, Math.floor((nowMs - Date.parse(date)) / DAY_MS))
  if (days <= 365) return { text: `${days} days old`, isOld: false }
  return { text: 'older than a year: holes found since are not closed', isOld: true }
}

export function isRunscRecent(version: string): boolean {
  return (runscDate(version) ?? 0) >= MINIMUM_RUNSC_DATE
}
