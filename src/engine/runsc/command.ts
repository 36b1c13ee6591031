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
  /** Writes to the root file system land in memory of the sandbox; false by default: they fail. */
  readonly hasWritableRoot?: boolean
  /** Folder for the state of this one sandbox: removing it is all that `runsc delete` would do. */
  readonly stateFolder: string
  /** Whether the sandbox gets the devices of the network namespace that runsc is started in. */
  readonly hasNetwork: boolean
  /** Whether it may connect to Unix sockets in the folders of the host that it is shown; false by default. */
  readonly opensSockets?: boolean
}

/**
 * Flags of every call for one sandbox. Cgroups are ours (see cgroup.ts); no host socket, no host
 * FIFO; a write to the root file system fails instead of landing in an overlay, but for sessions that have root.
 */
function globalFlags(flags: RunscFlags): string[] {
  return [
    `--root=${flags.stateFolder}`,
    ...(flags.capabilities.sharedRoot ? [`--shared-root=${flags.sharedFolder}`] : []),
    `--platform=${flags.platform}`,
    `--network=${flags.hasNetwork ? 'sandbox' : 'none'}`,
    '--ignore-cgroups',
    '--oci-seccomp',
    `--host-uds=${flags.opensSockets ? 'open' : 'none'}`,
    '--host-fifo=none',
    flags.hasWritableRoot ? '--overlay2=root:memory' : '--overlay2=none',
    // The sentry then needs no file system calls of the host, and its filter has none.
    ...(flags.hasRootImage ? ['--directfs=false'] : []),
  ]
}

/**
 * Returns the arguments that boot a sandbox. Detached, because a runsc process that only waits for the
 * sandbox takes 3 MB.
 */
export function runCommand(flags: RunscFlags, bundleFolder: string, id: string): string[] {
  return [...globalFlags(flags), 'run', '--detach', `--bundle=${bundleFolder}`, id]
}

/** Returns the arguments that restore a sandbox from a checkpoint's folder. */
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

/** Returns the arguments that checkpoint a sandbox. Uncompressed, which makes the restore fast. */
export function checkpointCommand(flags: RunscFlags, id: string, imageFolder: string): string[] {
  return [
    ...globalFlags(flags),
    'checkpoint',
    `--image-path=${imageFolder}`,
    '--compression=none',
    id,
  ]
}

/** Returns the flags that a snapshot depends on. The network is not among them: the restore gives it. */
export function snapshotFlags(
  setting: RunscSetting,
  hasRootImage: boolean,
  hasWritableRoot = false,
): string[] {
  const ofNoManager = { sharedFolder: '', stateFolder: '', hasNetwork: false, hasWritableRoot }
  return globalFlags({ ...setting, ...ofNoManager, hasRootImage })
}

/**
 * Returns the command that starts runsc in a network namespace. Some releases take the namespace for the
 * host's when /proc/sys/net/core/rmem_default exists, and newer kernels have that file in every namespace. For
 * them it is hidden, in a mount namespace of the sandbox's own.
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
