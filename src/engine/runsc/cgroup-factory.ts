import { mkdirSync } from 'node:fs'
import path from 'node:path'
import { ManagerError } from '../../errors.ts'
import type { Cgroup, CgroupLimits } from './cgroup.ts'
import { removeFolder } from './cgroup-files.ts'
import { type CgroupTree, delegate, treeFolders } from './cgroup-tree.ts'
import { CgroupV1 } from './cgroup-v1.ts'
import { CgroupV2 } from './cgroup-v2.ts'

/**
 * Makes the cgroup of one sandbox.
 * @param name relative to the tree: `<owner>/<executor>`
 * @throws ManagerError ENGINE_FAILED
 */
export function createCgroup(tree: CgroupTree, name: string, limits: CgroupLimits): Cgroup {
  const cgroup =
    tree.version === 1 ? new CgroupV1(tree.folders, name) : new CgroupV2(tree.folder, name)
  try {
    cgroup.create(limits)
  } catch (error) {
    void cgroup.remove().catch(() => {})
    throw new ManagerError('ENGINE_FAILED', `cgroup ${name}: ${(error as Error).message}`, {
      cause: error,
    })
  }
  return cgroup
}

/** Makes a manager's own folder in every hierarchy of the tree, and the tree where it is gone. */
export function makeOwnerFolders(tree: CgroupTree, owner: string): void {
  for (const folder of treeFolders(tree)) mkdirSync(path.join(folder, owner), { recursive: true })
  if (tree.version === 2) {
    delegate(tree.folder)
    delegate(path.join(tree.folder, owner))
  }
}

/** Returns an existing cgroup, of an earlier manager. */
export function findCgroup(tree: CgroupTree, name: string): Cgroup {
  return tree.version === 1 ? new CgroupV1(tree.folders, name) : new CgroupV2(tree.folder, name)
}

/** Removes the empty folder `name` from every hierarchy of the tree. */
export function removeFolders(tree: CgroupTree, name: string): void {
  for (const folder of treeFolders(tree)) removeFolder(path.join(folder, name))
}
