import { existsSync, mkdirSync, readdirSync, readFileSync, writeFileSync } from 'node:fs'
import path from 'node:path'
import { ManagerError } from '../../errors.ts'
import { execSync } from '../../lib/exec.ts'
import { FileLock } from '../../lib/file-lock.ts'
import { removeNetwork } from '../../network/removal.ts'
import { findCgroup, makeOwnerFolders, removeFolders } from './cgroup-factory.ts'
import { type CgroupTree, subfolders, treeFolders } from './cgroup-tree.ts'
import { removeWithMounts } from './leftover-mounts.ts'

/**
 * Everything that a manager makes for its sandboxes lies in folders named after the manager: its run folder
 * here, and one in each cgroup hierarchy. The manager holds a lock on each of them while it lives. So a later
 * manager can tell what a killed one left, also where managers of several containers share a cgroupfs or
 * /run and cannot see each other's processes.
 */
const RUN_ROOT = '/run/executor-manager'
/** `<pid>-<start time>` of the manager, in its own pid namespace. */
const OWNER_PATTERN = /^(\d+)-(\d+)$/
/** Where the fields of /proc/pid/stat go on after the process's name, and the start time in them (22nd). */
const START_TIME_INDEX = 22 - 3
const CLAIM_ATTEMPTS = 20

/** A manager's mark on this machine. */
export interface Owner {
  readonly name: string
  /** Folder of this manager's runtime files (bundles, runsc state). */
  readonly runFolder: string
  /** Held until dropOwnership(); the kernel releases them when the process ends. */
  readonly locks: readonly FileLock[]
}

/**
 * Makes this process's folders and locks them.
 * @throws ManagerError SETUP_FAILED when they cannot be locked
 */
export async function claimOwnership(tree: CgroupTree): Promise<Owner> {
  const started = `${process.pid}-${startTime(process.pid)}`
  for (let attempt = 0; attempt < CLAIM_ATTEMPTS; attempt++) {
    // A manager of another pid namespace may have the same pid and start time.
    const name = attempt === 0 ? started : `${started}${attempt}`
    const runFolder = path.join(RUN_ROOT, name)
    mkdirSync(runFolder, { recursive: true, mode: 0o700 })
    makeOwnerFolders(tree, name)
    const locks = await lockAll(foldersOf(name, [tree]), true)
    if (!locks) continue
    writeFileSync(path.join(runFolder, 'cgroup-tree.json'), JSON.stringify(tree))
    return { name, runFolder, locks }
  }
  throw new ManagerError(
    'SETUP_FAILED',
    `Other managers hold or remove every folder that this one makes in ${RUN_ROOT} and ${treeFolders(tree)[0]}: start it again, or stop one of them.`,
  )
}

/** Makes the folder for files that runsc itself shares between a manager's sandboxes. */
export function makeSharedFolder(owner: Owner): string {
  const folder = path.join(owner.runFolder, 'shared')
  mkdirSync(folder, { recursive: true, mode: 0o700 })
  return folder
}

/**
 * Makes a folder in memory (tmpfs) that the manager's user alone can enter.
 * @throws ManagerError SETUP_FAILED
 */
export function makeMemoryFolder(owner: Owner): string {
  const folder = path.join(owner.runFolder, 'memory')
  mkdirSync(folder, { recursive: true, mode: 0o700 })
  const mount = ['mount', '-t', 'tmpfs', '-o', 'mode=0700,nosuid,nodev,noexec', 'tmpfs', folder]
  const { failure, stderr } = execSync(mount)
  if (failure === null) return folder
  const why = stderr.trim() || failure
  throw new ManagerError(
    'SETUP_FAILED',
    `Encrypted sessions need a file system in memory, and it cannot be mounted on ${folder}: ${why}. Give the service the right to mount, or unset EXECUTOR_MANAGER_SESSION_KEY.`,
  )
}

/** Removes the owner's folders, and the tree if no other manager uses it. Its sandboxes must be gone. */
export async function dropOwnership(owner: Owner, tree: CgroupTree): Promise<void> {
  removeFolders(tree, owner.name)
  removeFolders(tree, '.')
  await removeWithMounts(owner.runFolder)
  for (const lock of owner.locks) lock.release()
}

/**
 * Removes the sandboxes, cgroups, files and networks that killed managers left. Leaves a living manager's
 * alone. Never throws, because a new manager has to start even where something cannot be removed.
 * @param onFailure called with the reason for each thing that stays
 * @returns how many sandboxes were removed
 */
export async function sweepLeftovers(
  tree: CgroupTree,
  onFailure: (error: Error) => void,
): Promise<number> {
  let removed = 0
  const sweep = async (step: () => Promise<number>) => {
    try {
      // Not `removed += await`: that reads the sum before what is awaited adds to it.
      const count = await step()
      removed += count
    } catch (error) {
      onFailure(error as Error)
    }
  }
  for (const name of new Set([RUN_ROOT, ...treeFolders(tree)].flatMap(namedOwners))) {
    const recorded = recordedTree(name)
    const trees = recorded ? [recorded, tree] : [tree]
    await sweep(async () => {
      const locks = isRunning(name) ? null : await lockAll(foldersOf(name, trees), false)
      // Its manager lives, or another manager sweeps it at this moment.
      if (!locks) return 0
      for (const its of trees) await sweep(() => sweepOwner(its, name))
      await sweep(() => sweepFiles(name, path.join(RUN_ROOT, name)))
      for (const lock of locks) lock.release()
      return 0
    })
  }
  return removed
}

function foldersOf(name: string, trees: readonly CgroupTree[]): string[] {
  const folders = trees.flatMap(treeFolders).map((folder) => path.join(folder, name))
  return [...new Set([path.join(RUN_ROOT, name), ...folders])]
}

/**
 * Locks all these folders, or none.
 * @param all fail also when one of them is not there
 * @returns null when one of them cannot be locked now
 */
async function lockAll(folders: readonly string[], all: boolean): Promise<FileLock[] | null> {
  const locks: FileLock[] = []
  let done = false
  try {
    for (const folder of folders) {
      const lock = await FileLock.take(folder, 'exclusive')
      if (lock) locks.push(lock)
      else if (all || existsSync(folder)) return null
    }
    done = true
    return locks
  } finally {
    if (!done) for (const lock of locks) lock.release()
  }
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
  await removeNetwork(owner, runFolder)
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

/** Tells whether a manager of an earlier version runs: it holds no lock. */
function isRunning(owner: string): boolean {
  const [, pid, started] = OWNER_PATTERN.exec(owner) as unknown as [string, string, string]
  return startTime(Number(pid)) === Number(started)
}

/** Returns a process's start in clock ticks since the boot (proc_pid_stat(5)); null: no such process. */
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
