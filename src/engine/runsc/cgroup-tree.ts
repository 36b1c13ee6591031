import { existsSync, mkdirSync, readdirSync, readFileSync, writeFileSync } from 'node:fs'
import path from 'node:path'
import { ManagerError } from '../../errors.ts'
import { execSync } from '../../lib/exec.ts'
import { folderBelow, type Mount, parseMountInfo, parseOwnCgroups } from './cgroup-mounts.ts'
import { mountUnified, moveProcesses } from './cgroup-moves.ts'
import { hasSystemd, isDelegated, moveIntoScope } from './cgroup-systemd.ts'
import {
  LEAF_NAME,
  planUnified,
  type UnifiedFacts,
  type UnifiedPlan,
  V2_CONTROLLERS,
} from './cgroup-unified.ts'

/** Where this process may make cgroups. */
export type CgroupTree =
  | { readonly version: 1; readonly folders: Readonly<Record<V1Controller, string>> }
  | { readonly version: 2; readonly folder: string }

export const V1_CONTROLLERS = ['memory', 'cpu', 'cpuacct', 'pids', 'freezer'] as const
export type V1Controller = (typeof V1_CONTROLLERS)[number]

/** The folder, in the manager's own cgroup, below which the managers of that cgroup keep theirs. */
export const TREE_NAME = 'executor-manager'

const V1_REMEDY =
  'run as root; in a container with CAP_SYS_ADMIN and without a profile of AppArmor that forbids mounts'
const V2_REMEDY =
  'run as root, as a systemd service with Delegate=yes or in a container with --cgroupns=private and CAP_SYS_ADMIN'

export type CgroupPlan =
  | { readonly version: 1; readonly tree: CgroupTree & { version: 1 } }
  | ({ readonly version: 2 } & UnifiedPlan)

/**
 * Decides where cgroups are made. On v1 that is below this process's own cgroup in each hierarchy, so that
 * limits set on the manager hold for its sandboxes too. On v2 cgroup-unified.ts decides.
 * @param own of this process, as parseOwnCgroups() says
 * @throws ManagerError SETUP_FAILED when a controller that carries a limit is missing
 */
export function planCgroups(
  mounts: readonly Mount[],
  own: ReadonlyMap<string, string>,
  facts: UnifiedFacts,
): CgroupPlan {
  const folders: Partial<Record<V1Controller, string>> = {}
  for (const controller of V1_CONTROLLERS) {
    const mount = mounts.find((m) => m.type === 'cgroup' && m.superOptions.includes(controller))
    const ownPath = own.get(controller)
    if (mount && ownPath !== undefined) {
      folders[controller] = path.join(folderBelow(mount, ownPath) ?? mount.mountPoint, TREE_NAME)
    }
  }
  const missing = V1_CONTROLLERS.filter((controller) => !folders[controller])
  if (missing.length === 0) {
    return {
      version: 1,
      tree: { version: 1, folders: folders as Record<V1Controller, string> },
    }
  }
  const unified = mounts.filter((m) => m.type === 'cgroup2')
  const ownPath = own.get('')
  if (unified.length > 0 && ownPath !== undefined) {
    return { version: 2, ...planUnified(unified, ownPath, facts) }
  }
  throw new ManagerError(
    'SETUP_FAILED',
    `No limit can be enforced: cgroup v1 lacks ${missing.join(', ')}, and v2 is not mounted. Mount cgroup2 on /sys/fs/cgroup, or give the container its cgroups.`,
  )
}

/**
 * Reads where cgroups can be made on this machine. Changes nothing.
 * @throws ManagerError SETUP_FAILED
 */
export function findCgroups(): CgroupPlan {
  const mounts = parseMountInfo(readFileSync('/proc/self/mountinfo', 'utf8'))
  const own = parseOwnCgroups(readFileSync('/proc/self/cgroup', 'utf8'))
  return planCgroups(mounts, own, {
    isMachineRoot: (folder) => !existsSync(path.join(folder, 'cgroup.type')),
    controllers: (folder) => wordsOf(path.join(folder, 'cgroup.controllers')),
    pathOfPid1: pathOfPid1(),
    isDelegated,
    hasSystemd: hasSystemd(),
  })
}

function wordsOf(file: string): string[] {
  return readFileSync(file, 'utf8').trim().split(/\s+/)
}

function pathOfPid1(): string | null {
  try {
    return parseOwnCgroups(readFileSync('/proc/1/cgroup', 'utf8')).get('') ?? null
  } catch {
    return null
  }
}

/**
 * Makes the folder for cgroups. On v2 it first moves the processes of the manager's cgroup into a leaf of it.
 * @throws ManagerError SETUP_FAILED, also when the tree cannot be written
 */
export function openCgroupTree(): CgroupTree {
  let plan = findCgroups()
  if (plan.version === 2 && plan.step === 'scope') {
    moveIntoScope()
    plan = findCgroups()
  }
  if (plan.version === 2 && plan.step === 'mount') {
    mountUnified()
    plan = findCgroups()
  }
  try {
    return plan.version === 1 ? openV1(plan.tree) : openV2(plan)
  } catch (error) {
    if (error instanceof ManagerError) throw error
    throw new ManagerError(
      'SETUP_FAILED',
      `cgroups cannot be made (${(error as Error).message}): ${plan.version === 1 ? V1_REMEDY : V2_REMEDY}`,
      { cause: error },
    )
  }
}

function openV1(tree: CgroupTree & { version: 1 }): CgroupTree {
  makeWritable(treeFolders(tree))
  for (const folder of treeFolders(tree)) mkdirSync(folder, { recursive: true })
  return tree
}

/**
 * A container runtime mounts the container's own cgroups read-only. They are made writable here, in
 * this mount namespace, so that no container needs the cgroups of the whole host.
 */
function makeWritable(folders: readonly string[]): void {
  const mounts = parseMountInfo(readFileSync('/proc/self/mountinfo', 'utf8'))
  const readOnly = mounts.filter(
    ({ type, mountPoint, isReadOnly }) =>
      isReadOnly &&
      type === 'cgroup' &&
      folders.some((folder) => folder.startsWith(`${mountPoint}/`)),
  )
  for (const { mountPoint } of readOnly) {
    const { failure, stderr } = execSync(['mount', '-o', 'remount,bind,rw', mountPoint])
    if (failure !== null) throw new Error(stderr.trim() || failure)
  }
}

function openV2(plan: UnifiedPlan): CgroupTree {
  if (plan.step !== 'use') throw new Error('this process has no cgroup of its own')
  const folder = path.join(plan.folder, TREE_NAME)
  mkdirSync(folder, { recursive: true })
  // Processes in the machine's root stay: a root may have some, and the manager must not move them.
  if (existsSync(path.join(plan.folder, 'cgroup.type'))) {
    moveProcesses(plan.folder, path.join(plan.folder, LEAF_NAME), () => delegate(plan.folder))
  } else {
    delegate(plan.folder)
  }
  return { version: 2, folder }
}

/** Gives the controllers of a v2 folder to its children. */
export function delegate(folder: string): void {
  writeFileSync(
    path.join(folder, 'cgroup.subtree_control'),
    V2_CONTROLLERS.map((controller) => `+${controller}`).join(' '),
  )
}

/** Returns the folders of a tree, each once (v1 controllers may share a hierarchy). */
export function treeFolders(tree: CgroupTree): string[] {
  return tree.version === 2 ? [tree.folder] : [...new Set(Object.values(tree.folders))]
}

/** Returns the names of the folders in a folder; none when it cannot be read. */
export function subfolders(folder: string): string[] {
  try {
    return readdirSync(folder, { withFileTypes: true })
      .filter((entry) => entry.isDirectory())
      .map((entry) => entry.name)
  } catch {
    return []
  }
}
