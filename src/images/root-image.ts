/**
 * Makes one EROFS file of an image with its guest: `root-<guest>.erofs`, beside the image's folder. A runsc that
 * takes the file as root file system needs no gofer (the process that serves a folder of the host).
 */
import { existsSync, readdirSync, renameSync, rmSync } from 'node:fs'
import { dirname, join } from 'node:path'
import { runCommand } from '../lib/command.ts'
import type { Progress } from '../lib/progress.ts'
import { scaledMs } from '../lib/time-scale.ts'

const NAME_PATTERN = /^root-([0-9a-f]+)\.erofs$/
const DRAFT_PREFIX = '.root-'
const GUEST_ROOT = '.executor'
const BUILD_TIMEOUT_MS = scaledMs(300_000)

/** Finds the file of an image with this guest; undefined when it is not made. */
export function findRootImage(rootfs: string, guestHash: string): string | undefined {
  const file = rootImageFile(rootfs, guestHash)
  return existsSync(file) ? file : undefined
}

/**
 * Makes the file unless it is there, and removes the files of guests that the image has no longer. The caller
 * holds the set-up lock.
 * @throws ManagerError SETUP_FAILED
 */
export async function ensureRootImage(
  name: string,
  rootfs: string,
  guestHash: string,
  progress: Progress,
): Promise<string> {
  removeUnused(rootfs)
  const present = findRootImage(rootfs, guestHash)
  if (present) return present
  progress(`image ${name}: making the root file system`)
  const draft = join(dirname(rootfs), `${DRAFT_PREFIX}${guestHash}`)
  const remedy = 'Check the disk.'
  // runsc maps files by pages; inline data would not begin at a page.
  await runCommand(['mkfs.erofs', '--quiet', '-Enoinline_data', draft, rootfs], {
    purpose: `Making the root file system of ${name}`,
    remedy,
    contained: true,
    timeoutMs: BUILD_TIMEOUT_MS,
  })
  // The contents reach the disk before the name does.
  await runCommand(['sync', draft], { purpose: 'Writing the root file system to disk', remedy })
  renameSync(draft, rootImageFile(rootfs, guestHash))
  return rootImageFile(rootfs, guestHash)
}

/** Removes the files whose guest is gone. A running manager holds its guest's folder, so its file stays. */
function removeUnused(rootfs: string): void {
  for (const name of readdirSync(dirname(rootfs))) {
    const hash = NAME_PATTERN.exec(name)?.[1]
    const isUnused = hash !== undefined && !existsSync(join(rootfs, GUEST_ROOT, hash))
    if (isUnused || name.startsWith(DRAFT_PREFIX)) rmSync(join(dirname(rootfs), name))
  }
}

function rootImageFile(rootfs: string, guestHash: string): string {
  return join(dirname(rootfs), `root-${guestHash}.erofs`)
}
