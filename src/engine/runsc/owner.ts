import { existsSync, mkdirSync, readdirSync, readFileSync, writeFileSync } from 'node:fs'
import path from 'node:path'
import { sweepNetwork } from '../../network/egress.ts'
import { findCgroup, removeFolders } from './cgroup-factory.ts'
import { type CgroupTree, subfolders, treeFolders } from './cgroup-tree.ts'
import { removeWithMounts } from './leftover-mounts.ts'

/**
 * The owner's mark. Everything that a manager makes for its sandboxes, cgroups and files, lies in
 * folders named after the manager, `<pid>-<start time>`, so that whoever comes later can tell what
 * belongs to a living manager from what a killed one left.
 */
const RUN_ROOT = '/run/executor-manager'
const OWNER_PATTERN = /^(\d+)-(\d+)$/
/** Where the fields of /proc/pid/stat go on after the process's name, and the start time in them (22nd). */
const START_TIME_INDEX = 22 - 3

export interface Owner {
  readonly name: string
  /** Folder of this manager's runtime files (bundles, runsc state). */
  readonly runFolder: string
}

/** Marks this process as an owner and makes its folder. */
export function claimOwnership(tree: CgroupTree): Owner {
  const name = `${process.pid}-${startTime(process.pid)}`
  const runFolder = path.join(RUN_ROOT, name)
  mkdirSync(runFolder, { recursive: true, mode: 0o700 })
  writeFileSync(path.join(runFolder, 'cgroup-tree.json'), JSON.stringify(tree))
  return { name, runFolder }
}

/** For what the sandboxes of a manager share, by runsc's own doing. */
export function makeSharedFolder(owner: Owner): string {
  const folder = path.join(owner.runFolder, 'shared')
  mkdirSync(folder, { recursive: true, mode: 0o700 })
  return folder
}

/** Removes the owner's folders, and the tree if nobody else uses it; its sandboxes must be gone. */
export async function dropOwnership(owner: Owner, tree: CgroupTree): Promise<void> {
  removeFolders(tree, owner.name)
  removeFolders(tree, '.')
  await removeWithMounts(owner.runFolder)
}

/**
 * Finds what killed managers left, sandboxes included, and removes it. A living manager's things are
 * not touched. Never throws: what cannot be removed must not keep a new manager from its work.
 * @param onFailure told of what stays
 * @returns how many sandboxes were removed
 */
export async function sweepLeftovers(
  tree: CgroupTree,
  onFailure: (error: Error) => void,
): Promise<number> {
  let removed = 0
  const sweep = async (step: () => Promise<number>) => {
    try {
      removed += await step()
    } catch (error) {
      onFailure(error as Error)
    }
  }
  for (const name of namedOwners(RUN_ROOT)) {
    if (isAlive(name)) continue
    const itsTree = recordedTree(name)
    if (itsTree) await sweep(() => sweepOwner(itsTree, name))
  }
  for (const name of new Set(treeFolders(tree).flatMap(namedOwners))) {
    if (!isAlive(name)) await sweep(() => sweepOwner(tree, name))
  }
  for (const name of namedOwners(RUN_ROOT)) {
    if (isAlive(name)) continue
    await sweep(() => sweepFiles(name, path.join(RUN_ROOT, name)))
  }
  return removed
}

async function sweepOwner(tree: CgroupTree, owner: string): Promise<number> {
  const executors = new Set(treeFolders(tree).flatMap((f) => subfolders(path.join(f, owner))))
  await Promise.all(
    [...executors].map((executor) => findCgroup(tree, path.join(owner, executor)).remove()),
  )
  removeFolders(tree, owner)
  return executors.size
}

async function sweepFiles(owner: string, runFolder: string): Promise<number> {
  await sweepNetwork(owner, runFolder)
  if (!(await removeWithMounts(runFolder))) throw new Error(`${runFolder} cannot be removed`)
  return 0
}

function namedOwners(folder: string): string[] {
  if (!existsSync(folder)) return []
  return readdirSync(folder).filter((name) => OWNER_PATTERN.test(name))
}

function recordedTree(owner: string): CgroupTree | null {
  try {
    return JSON.parse(readFileSync(path.join(RUN_ROOT, owner, 'cgroup-tree.json'), 'utf8'))
  } catch {
    return null // Killed before it wrote the file: then it had made no cgroup.
  }
}

function isAlive(owner: string): boolean {
  const [, pid, started] = OWNER_PATTERN.exec(owner) as unknown as [string, string, string]
  return startTime(Number(pid)) === Number(started)
}

/** In clock ticks since the boot (proc_pid_stat(5)); null when there is no such process. */
function startTime(pid: number): number | null {
  try {
    const stat = readFileSync(`/proc/${pid}/stat`, 'utf8')
    const fields = stat.slice(stat.lastIndexOf(')') + 2).split(' ')
    // A zombie holds its pid but runs nothing any more.
    return fields[0] === 'Z' ? null : Number(fields[START_TIME_INDEX])
  } catch {
    return null
  }
}
