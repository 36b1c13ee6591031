import { readFileSync } from 'node:fs'

/**
 * How many connections may be open at once: half of the file descriptors. The other half is for
 * sandboxes: if callers who wait for one held them all, none could be made any more.
 */
export function maxConnections(limits = readFileSync('/proc/self/limits', 'utf8')): number {
  const openFiles = /^Max open files +(\d+)/m.exec(limits)?.[1]
  return openFiles === undefined ? Number.MAX_SAFE_INTEGER : Math.floor(Number(openFiles) / 2)
}
