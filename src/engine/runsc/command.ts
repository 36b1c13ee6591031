/** runsc's command lines, as pure functions. */

import type { Platform } from '../../setup/platform.ts'

export interface RunscFlags {
  readonly platform: Platform
  /** Folder for the state of this one sandbox: removing it is all that `runsc delete` would do. */
  readonly stateFolder: string
}

/**
 * Flags of every call for one sandbox. Cgroups are ours (see cgroup.ts); no host socket, no host
 * FIFO; a write to the root file system fails instead of landing in an overlay.
 */
function globalFlags(flags: RunscFlags): string[] {
  return [
    `--root=${flags.stateFolder}`,
    `--platform=${flags.platform}`,
    '--network=none',
    '--ignore-cgroups',
    '--oci-seccomp',
    '--host-uds=none',
    '--host-fifo=none',
    '--overlay2=none',
  ]
}

/** Detached: the runsc process that would only wait for the sandbox takes 3 MB for it. */
export function runCommand(flags: RunscFlags, bundleFolder: string, id: string): string[] {
  return [...globalFlags(flags), 'run', '--detach', `--bundle=${bundleFolder}`, id]
}

export function restoreCommand(
  flags: RunscFlags,
  bundleFolder: string,
  id: string,
  imageFolder: string,
): string[] {
  return [
    ...globalFlags(flags),
    'restore',
    '--detach',
    `--bundle=${bundleFolder}`,
    `--image-path=${imageFolder}`,
    id,
  ]
}

/** Uncompressed: restoring is what has to be quick, and disk is cheap. */
export function checkpointCommand(flags: RunscFlags, id: string, imageFolder: string): string[] {
  return [
    ...globalFlags(flags),
    'checkpoint',
    `--image-path=${imageFolder}`,
    '--compression=none',
    id,
  ]
}

/** What of the flags is fixed in a snapshot. */
export function snapshotFlags(platform: Platform): string[] {
  return globalFlags({ platform, stateFolder: '' })
}
