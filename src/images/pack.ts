/**
 * Packs an image and its agent into one read-only file, an EROFS file system that gVisor's sentry
 * reads by itself. With a folder each sandbox needs a file server process on the host, the gofer, and
 * the sentry descriptors into the host's file system; with the file there is neither.
 * Source: https://gvisor.dev/docs/user_guide/filesystem/, mkfs.erofs(1).
 */
import { existsSync, readdirSync, renameSync, rmSync, statSync } from 'node:fs'
import { basename, dirname, join } from 'node:path'
import { runCommand } from '../setup/command.ts'

const OLD_AFTER_MS = 24 * 60 * 60 * 1000

/** Where the packed image with this agent lies, beside the root file system. */
export function packedFile(rootfs: string, agentHash: string): string {
  return join(dirname(rootfs), `rootfs-${agentHash}.erofs`)
}

/** Packs the image unless it is there. The caller holds the set-up lock. */
export async function packImage(rootfs: string, file: string): Promise<void> {
  if (existsSync(file)) return
  const fresh = `${file}.new`
  rmSync(fresh, { force: true })
  // gVisor maps files from the image, so each has to begin and end with a page: no inline data.
  await runCommand(['mkfs.erofs', '-d0', '-Enoinline_data', '-x-1', fresh, rootfs], {
    purpose: `Packing ${rootfs}`,
    remedy: 'Check the disk, and erofs-utils 1.5 or newer.',
  })
  renameSync(fresh, file)
  removeOutdated(dirname(file), basename(file), /\.erofs(\.new)?$/)
}

/**
 * Removes what is of the kind of `current` and has had its day.
 * A day is longer than any sandbox lives, another manager's included.
 */
export function removeOutdated(folder: string, current: string, kind: RegExp): void {
  for (const name of readdirSync(folder)) {
    if (name === current || !kind.test(name)) continue
    const path = join(folder, name)
    const isOld = Date.now() - statSync(path).ctimeMs > OLD_AFTER_MS
    if (isOld) rmSync(path, { recursive: true, force: true })
  }
}
