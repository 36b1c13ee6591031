import { readFileSync } from 'node:fs'
import { rm } from 'node:fs/promises'
import { execSync } from '../../lib/exec.ts'

/** Mounts can lie on top of each other; more than this many are not expected. */
const MOST_ROUNDS = 10

/**
 * Unmounts everything on or below a folder, lazily: a mount in use disappears from the file system at once
 * and ends with its last user. Never throws.
 * @param folder absolute, without symbolic links
 * @returns whether nothing is mounted there now
 */
export function unmountBelow(folder: string): boolean {
  for (let round = 0; round < MOST_ROUNDS; round++) {
    const points = mountPointsBelow(folder, readMountInfo())
    if (points.length === 0) return true
    // The last one mounted lies on top.
    for (const point of points.reverse()) unmount(point)
  }
  return false
}

/**
 * Removes a folder that a runsc has used, and the mounts that it left there. Never throws.
 * @returns whether nothing of it is left
 */
export async function removeWithMounts(folder: string): Promise<boolean> {
  // Files behind a mount that stays are not the manager's, so they must not be removed.
  if (!unmountBelow(folder)) return false
  try {
    await rm(folder, { recursive: true, force: true })
    return true
  } catch {
    return false
  }
}

/**
 * Returns the mount points on and below a folder, in the order of mounting.
 * @param mountInfo text of /proc/self/mountinfo (proc_pid_mountinfo(5))
 */
export function mountPointsBelow(folder: string, mountInfo: string): string[] {
  return mountInfo
    .split('\n')
    .map((line) => unescaped(line.split(' ')[4] ?? ''))
    .filter((point) => point === folder || point.startsWith(`${folder}/`))
}

/** Decodes blanks, tabs, line ends and backslashes, which are written as three octal digits. */
function unescaped(point: string): string {
  return point.replace(/\\([0-7]{3})/g, (_, digits) =>
    String.fromCharCode(Number.parseInt(digits, 8)),
  )
}

function readMountInfo(): string {
  try {
    return readFileSync('/proc/self/mountinfo', 'utf8')
  } catch {
    return '' // No descriptor is free.
  }
}

function unmount(point: string): void {
  execSync(['umount', '--lazy', '--', point])
}
