import { mkdirSync, readdirSync, readFileSync, writeFileSync } from 'node:fs'
import path from 'node:path'
import { ManagerError } from '../../errors.ts'

/** Where this process may make cgroups. */
export type CgroupTree =
  | { readonly version: 1; readonly folders: Readonly<Record<V1Controller, string>> }
  | { readonly version: 2; readonly folder: string }

export const V1_CONTROLLERS = ['memory', 'cpu', 'cpuacct', 'pids', 'freezer'] as const
export type V1Controller = (typeof V1_CONTROLLERS)[number]
const V2_CONTROLLERS = ['memory', 'cpu', 'pids'] as const

/** The folder below which all managers keep their cgroups. */
export const TREE_NAME = 'executor-manager'

interface Mount {
  readonly root: string
  readonly mountPoint: string
  readonly type: string
  readonly superOptions: readonly string[]
}

/** @param text of /proc/self/mountinfo (proc_pid_mountinfo(5)) */
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
        superOptions: (superOptions ?? '').split(','),
      }
    })
}

/**
 * The process's own cgroups.
 * @param text of /proc/self/cgroup (cgroups(7))
 * @returns path by controller name; the one of cgroup v2 under ''
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
 * Finds the folder for our cgroups in each hierarchy: below this process's own cgroup on v1, so that
 * limits set on the manager hold for its sandboxes too; at the root on v2, where a cgroup with
 * processes can have no children with controllers.
 * @param unifiedControllers what cgroup.controllers at the root of v2 says
 * @throws ManagerError SETUP_FAILED when a controller that carries a limit is missing
 */
export function planCgroupTree(
  mounts: readonly Mount[],
  own: Map<string, string>,
  unifiedControllers: readonly string[],
): CgroupTree {
  const folders: Partial<Record<V1Controller, string>> = {}
  for (const controller of V1_CONTROLLERS) {
    const mount = mounts.find((m) => m.type === 'cgroup' && m.superOptions.includes(controller))
    const ownPath = own.get(controller)
    if (mount && ownPath !== undefined)
      folders[controller] = path.join(below(mount, ownPath), TREE_NAME)
  }
  const missing = V1_CONTROLLERS.filter((controller) => !folders[controller])
  if (missing.length === 0) return { version: 1, folders: folders as Record<V1Controller, string> }
  const unified = mounts.find((m) => m.type === 'cgroup2')
  const missingUnified = V2_CONTROLLERS.filter((name) => !unifiedControllers.includes(name))
  if (unified && missingUnified.length === 0) {
    return { version: 2, folder: path.join(unified.mountPoint, TREE_NAME) }
  }
  throw new ManagerError(
    'SETUP_FAILED',
    `No limit can be enforced: cgroup v1 lacks ${missing.join(', ')}, and v2 lacks ${unified ? missingUnified.join(', ') : 'a mount'}. Mount cgroup2 on /sys/fs/cgroup, with these controllers.`,
  )
}

function below(mount: Mount, ownPath: string): string {
  const relative = path.relative(mount.root, ownPath)
  return relative.startsWith('..') ? mount.mountPoint : path.join(mount.mountPoint, relative)
}

/** What this machine offers. @throws ManagerError SETUP_FAILED */
export function findCgroupTree(): CgroupTree {
  const mounts = parseMountInfo(readFileSync('/proc/self/mountinfo', 'utf8'))
  const unified = mounts.find((m) => m.type === 'cgroup2')
  const controllers = unified
    ? readFileSync(path.join(unified.mountPoint, 'cgroup.controllers'), 'utf8').trim().split(/\s+/)
    : []
  const own = parseOwnCgroups(readFileSync('/proc/self/cgroup', 'utf8'))
  return planCgroupTree(mounts, own, controllers)
}

/** @throws ManagerError SETUP_FAILED, also when the tree cannot be written */
export function openCgroupTree(): CgroupTree {
  const tree = findCgroupTree()
  try {
    for (const folder of treeFolders(tree)) mkdirSync(folder, { recursive: true })
    if (tree.version === 2) {
      delegate(path.dirname(tree.folder))
      delegate(tree.folder)
    }
  } catch (error) {
    throw new ManagerError(
      'SETUP_FAILED',
      `cgroups cannot be made (${(error as Error).message}): run as root, or give the service its own cgroup (Delegate=yes)`,
      { cause: error },
    )
  }
  return tree
}

/** Lets a v2 folder's children have the controllers. */
export function delegate(folder: string): void {
  writeFileSync(
    path.join(folder, 'cgroup.subtree_control'),
    V2_CONTROLLERS.map((controller) => `+${controller}`).join(' '),
  )
}

/** The folders of a tree, each once (v1 controllers may share a hierarchy). */
export function treeFolders(tree: CgroupTree): string[] {
  return tree.version === 2 ? [tree.folder] : [...new Set(Object.values(tree.folders))]
}

export function subfolders(folder: string): string[] {
  try {
    return readdirSync(folder, { withFileTypes: true })
      .filter((entry) => entry.isDirectory())
      .map((entry) => entry.name)
  } catch {
    return []
  }
}
