/** Parses what /proc tells of the cgroup hierarchies and of this process's place in them. */
import path from 'node:path'

export interface Mount {
  /** The part of the file system that is mounted; on cgroup v2 relative to the own cgroup namespace. */
  readonly root: string
  readonly mountPoint: string
  readonly type: string
  readonly isReadOnly: boolean
  readonly superOptions: readonly string[]
}

/**
 * Parses a list of mounts.
 * @param text of /proc/self/mountinfo (proc_pid_mountinfo(5))
 */
export function parseMountInfo(text: string): Mount[] {
  return text
    .split('\n')
    .filter(Boolean)
    .map((line) => {
      const [before, after] = line.split(' - ') as [string, string]
      const fields = before.split(' ')
      const [type, , superOptions] = after.split(' ')
      return {
        root: fields[3] as string,
        mountPoint: fields[4] as string,
        type: type as string,
        isReadOnly: (fields[5] ?? '').split(',').includes('ro'),
        superOptions: (superOptions ?? '').split(','),
      }
    })
}

/**
 * Parses the cgroups that a process is in.
 * @param text of /proc/self/cgroup (cgroups(7))
 * @returns paths by controller name; the path on cgroup v2 has the name ''
 */
export function parseOwnCgroups(text: string): Map<string, string> {
  const own = new Map<string, string>()
  for (const line of text.split('\n').filter(Boolean)) {
    const [, controllers, ...rest] = line.split(':')
    for (const name of (controllers as string).split(',')) own.set(name, rest.join(':'))
  }
  return own
}

/**
 * Returns the folder of a cgroup below a mount; null when the mount does not show the cgroup. In a container's
 * cgroup namespace a mount of the host's hierarchy has a root like `/../..`, which shows no cgroup of it.
 */
export function folderBelow(mount: Mount, cgroupPath: string): string | null {
  if (mount.root.split('/').includes('..')) return null
  const relative = path.relative(mount.root, cgroupPath)
  return relative.split('/')[0] === '..' ? null : path.join(mount.mountPoint, relative)
}
