/** Installs the tool that makes EROFS files, for a runsc that takes them as root file systems. */
import { rmSync, statSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'
import type { Progress } from '../lib/progress.ts'
import { findOnPath } from './host.ts'
import { type HostPackage, installPackages } from './host-packages.ts'

const TOOL: HostPackage = {
  name: 'erofs-utils',
  why: 'makes root file systems that need no gofer',
  isPresent: () => findOnPath('mkfs.erofs') !== undefined,
}
/** How long after a failed attempt the next one is made. */
const AGAIN_AFTER_MS = 24 * 3600 * 1000

/** Tells whether the tool is there, or whether it is time to try to install it. */
export function mayHaveErofsTool(home: string): boolean {
  if (TOOL.isPresent()) return true
  if (!findOnPath('apt-get')) return false
  const failed = statSync(failureFile(home), { throwIfNoEntry: false })
  const agoMs = failed ? Date.now() - failed.mtimeMs : Number.POSITIVE_INFINITY
  // Negative when the clock was set back.
  return agoMs < 0 || agoMs > AGAIN_AFTER_MS
}

/**
 * Installs the tool unless it is there. Sandboxes work without it, each with one process more. So a failure is
 * told in one line and remembered for a day.
 * @param mayInstall whether packages of the distribution may be installed on the host
 * @returns whether it is there
 */
export async function ensureErofsTool(
  home: string,
  progress: Progress,
  mayInstall: boolean,
): Promise<boolean> {
  if (TOOL.isPresent()) return true
  if (!mayInstall || !mayHaveErofsTool(home)) return false
  try {
    await installPackages([TOOL], progress, mayInstall)
    rmSync(failureFile(home), { force: true })
    return true
  } catch (error) {
    progress(`${TOOL.name}: gofers serve the images (${(error as Error).message})`)
    writeFileSync(failureFile(home), '')
    return false
  }
}

function failureFile(home: string): string {
  return join(home, 'erofs-utils.failed')
}
