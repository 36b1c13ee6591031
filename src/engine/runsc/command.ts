/** runsc's command lines, as pure functions. */

import type { Platform } from '../../setup/platform.ts'

export interface RunscFlags {
  readonly platform: Platform
  /** Folder for the state of this one sandbox: removing it is all that `runsc delete` would do. */
  readonly stateFolder: string
  /** Whether the sandbox gets the devices of the network namespace that runsc is started in. */
  readonly hasNetwork: boolean
}

/**
 * Flags of every call for one sandbox. Cgroups are ours (see cgroup.ts); no host socket, no host
 * FIFO; a write to the root file system fails instead of landing in an overlay.
 */
function globalFlags(flags: RunscFlags): string[] {
  return [
    `--root=${flags.stateFolder}`,
    `--platform=${flags.platform}`,
    `--network=${flags.hasNetwork ? 'sandbox' : 'none'}`,
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

/** What of the flags is fixed in a snapshot. The network is not: it is given at the restore. */
export function snapshotFlags(platform: Platform): string[] {
  return globalFlags({ platform, stateFolder: '', hasNetwork: false })
}

/**
 * The command that starts runsc in a network namespace. runsc 20240729 looks for
 * /proc/sys/net/core/rmem_default to tell whether it is in the host's own namespace, and newer kernels
 * have that file in all of them; so it is hidden, in a mount namespace of the sandbox's own.
 */
export function inNetwork(namespaceFile: string, command: readonly string[]): string[] {
  const hide = 'mount -t tmpfs -o ro,size=4k tmpfs /proc/sys/net/core && exec "$@"'
  return [
    ...['unshare', '--mount', '--propagation=private', '--'],
    ...['nsenter', `--net=${namespaceFile}`, '--', '/bin/sh', '-c', hide, 'sh', ...command],
  ]
}
