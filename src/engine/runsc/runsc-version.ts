/** Compares versions of runsc, as pure functions. */

/** Older ones lack systrap or uncompressed checkpoints. */
export const MINIMUM_RUNSC_DATE = 20240729

/**
 * Returns the version in what `runsc --version` prints: "runsc version release-20240729.0" from gVisor itself,
 * "runsc version 0.0~20240729.0" from Debian.
 */
export function parseRunscVersion(output: string): string | undefined {
  return /^runsc version (\S+)/m.exec(output)?.[1]
}

/** Returns the date in a version as a number (20240729); undefined for a build without one. */
export function runscDate(version: string): number | undefined {
  const digits = /(?:^|\D)(20\d{6})(?:\D|$)/.exec(version)?.[1]
  return digits === undefined ? undefined : Number(digits)
}

const DAY_MS = 24 * 3600 * 1000

/**
 * Says how old a release is, in words.
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

/** Tells whether a version is new enough; one without a date is not. */
export function isRunscRecent(version: string): boolean {
  return (runscDate(version) ?? 0) >= MINIMUM_RUNSC_DATE
}
