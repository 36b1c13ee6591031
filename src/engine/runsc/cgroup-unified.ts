/**
 * Plans where on cgroup v2 a manager makes its cgroups: below a cgroup that was delegated to it (the
 * kernel's cgroup-v2.rst, "Delegation"). That is the cgroup of a systemd unit with Delegate=yes, that of a
 * container, or the machine's root where no systemd manages it. Limits set on it hold for all sandboxes.
 */
import path from 'node:path'
import { ManagerError } from '../../errors.ts'
import { folderBelow, type Mount } from './cgroup-mounts.ts'

/** The controllers that carry the limits. */
export const V2_CONTROLLERS = ['memory', 'cpu', 'pids'] as const

/**
 * The child of the manager's cgroup that the processes of that cgroup move into. A cgroup that gives its
 * children controllers can have no processes itself ("no internal processes"), the machine's root aside.
 */
export const LEAF_NAME = 'executor-manager-main'

/** Facts that the plan depends on, besides mounts and paths. */
export interface UnifiedFacts {
  /** The machine's root cgroup, which may have processes and controllers for its children. */
  isMachineRoot(folder: string): boolean
  /** The controllers that the folder can give to its children. */
  controllers(folder: string): readonly string[]
  /** The cgroup of process 1 of this pid namespace; null when it cannot be read. */
  readonly pathOfPid1: string | null
  /** Whether systemd runs and says Delegate=yes of the unit. */
  isDelegated(unit: string): boolean
  readonly hasSystemd: boolean
}

/**
 * What to do. `use`: make cgroups below the folder. `mount`: mount cgroup2 anew, because no mount shows this
 * process's cgroup in a writable form. `scope`: ask systemd for a delegated unit first.
 */
export type UnifiedPlan =
  | { readonly step: 'use'; readonly folder: string }
  | { readonly step: 'mount' }
  | { readonly step: 'scope' }

/**
 * Decides where the manager may make cgroups.
 * @param mounts those of type cgroup2
 * @param ownPath of this process, as /proc/self/cgroup says it
 * @throws ManagerError SETUP_FAILED when the cgroup is not the manager's, or lacks a controller
 */
export function planUnified(
  mounts: readonly Mount[],
  ownPath: string,
  facts: UnifiedFacts,
): UnifiedPlan {
  const mount = mounts.find((one) => !one.isReadOnly && folderBelow(one, ownPath) !== null)
  if (!mount) return { step: 'mount' }
  const folderOf = (cgroup: string) => folderBelow(mount, cgroup)
  // A manager's leaf is part of the cgroup that it was made in.
  const start = path.basename(ownPath) === LEAF_NAME ? path.dirname(ownPath) : ownPath
  const startFolder = folderOf(start)
  if (startFolder === null) return { step: 'mount' }
  if (facts.isMachineRoot(startFolder) || isContainers(ownPath, start, facts.pathOfPid1)) {
    return use(startFolder, facts)
  }
  const unit = unitOf(start)
  if (unit && facts.isDelegated(path.basename(unit))) {
    // The innermost that has the controllers, so that a cgroup made inside the unit keeps its limits.
    for (let cgroup = start; ; cgroup = path.dirname(cgroup)) {
      const folder = folderOf(cgroup)
      if (folder === null) return { step: 'mount' }
      if (cgroup === unit || lacking(folder, facts).length === 0) return use(folder, facts)
    }
  }
  if (facts.hasSystemd) return { step: 'scope' }
  throw new ManagerError(
    'SETUP_FAILED',
    `The cgroup ${ownPath} is not the manager's own: start it as a systemd service with Delegate=yes (deploy/executor-manager.service), or in a container with --cgroupns=private.`,
  )
}

/** The container's own cgroup: the root of a cgroup namespace, or where process 1 is too. */
function isContainers(ownPath: string, start: string, pathOfPid1: string | null): boolean {
  return start === '/' || pathOfPid1 === ownPath || pathOfPid1 === start
}

function use(folder: string, facts: UnifiedFacts): UnifiedPlan {
  const missing = lacking(folder, facts)
  if (missing.length === 0) return { step: 'use', folder }
  throw new ManagerError(
    'SETUP_FAILED',
    `No limit can be enforced: the cgroup ${folder} lacks ${missing.join(', ')}. Give it these controllers (Delegate=yes of a systemd service, cgroup.subtree_control of its parent).`,
  )
}

function lacking(folder: string, facts: UnifiedFacts): string[] {
  const there = facts.controllers(folder)
  return V2_CONTROLLERS.filter((name) => !there.includes(name))
}

/** The innermost systemd service or scope that a cgroup lies in; null when it is in none. */
function unitOf(cgroup: string): string | null {
  for (let current = cgroup; current !== '/' && current !== '.'; current = path.dirname(current)) {
    if (/\.(service|scope)$/.test(current)) return current
  }
  return null
}
