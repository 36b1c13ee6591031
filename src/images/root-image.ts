/**
 * An image with its guest as one EROFS file, beside the image's folder: `root-<guest>.erofs`. A runsc
 * that takes it as the root file system needs no gofer, the process that serves a folder of the host.
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

/** The file for an image with this guest when it is there. */
export function findRootImage(rootfs: string, guestHash: string): string | undefined {
  const file = rootImageFile(rootfs, guestHash)
  return existsSync(file) ? file : undefined
}

/**
 * Makes the file unless it is there, and removes those of guests that are gone from the image. The
 * caller holds the set-up lock.
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
  // Inline data would lie across pages, and runsc maps files by pages.
  await runCommand(['mkfs.erofs', '--quiet', '-Enoinline_data', draft, rootfs], {
    purpose: `Making the root file system of ${name}`,
    remedy,
    contained: true,
    timeoutMs: BUILD_TIMEOUT_MS,
  })
  // It reaches the disk before its name does.
  await runCommand(['sync', draft], { purpose: 'Writing the root file system to disk', remedy })
  renameSync(draft, rootImageFile(rootfs, guestHash))
  return rootImageFile(rootfs, guestHash)
}

/** A manager that runs holds the guest's folder, and so keeps this file too. */
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
