/** runsc's command lines, as pure functions. */

import type { Capabilities } from './capabilities.ts'
import type { Platform } from './platform.ts'

/** What is the same in all commands of a manager. */
export interface RunscSetting {
  readonly runscPath: string
  readonly capabilities: Capabilities
  readonly platform: Platform
  /** Folder for what sandboxes share, where the runsc shares anything. */
  readonly sharedFolder: string
}

export interface RunscFlags extends RunscSetting {
  /** The root file system is an EROFS file, and there is no folder of the host that is served. */
  readonly hasRootImage: boolean
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
    ...(flags.capabilities.sharedRoot ? [`--shared-root=${flags.sharedFolder}`] : []),
    `--platform=${flags.platform}`,
    `--network=${flags.hasNetwork ? 'sandbox' : 'none'}`,
    '--ignore-cgroups',
    '--oci-seccomp',
    '--host-uds=none',
    '--host-fifo=none',
    '--overlay2=none',
    // The sentry then needs no file system calls of the host, and its filter has none.
    ...(flags.hasRootImage ? ['--directfs=false'] : []),
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
export function snapshotFlags(setting: RunscSetting, hasRootImage: boolean): string[] {
  const ofNoManager = { sharedFolder: '', stateFolder: '', hasNetwork: false }
  return globalFlags({ ...setting, ...ofNoManager, hasRootImage })
}

/**
 * The command that starts runsc in a network namespace. Some look for
 * /proc/sys/net/core/rmem_default to tell whether they are in the host's own namespace, and newer kernels
 * have that file in all of them; so it is hidden, in a mount namespace of the sandbox's own.
 */
export function inNetwork(
  { confusesNetworks }: Capabilities,
  namespaceFile: string,
  command: readonly string[],
): string[] {
  if (!confusesNetworks) return ['nsenter', `--net=${namespaceFile}`, '--', ...command]
  const hide = 'mount -t tmpfs -o ro,size=4k tmpfs /proc/sys/net/core && exec "$@"'
  return [
    ...['unshare', '--mount', '--propagation=private', '--'],
    ...['nsenter', `--net=${namespaceFile}`, '--', '/bin/sh', '-c', hide, 'sh', ...command],
  ]
}
