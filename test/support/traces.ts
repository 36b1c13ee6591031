import { existsSync, readdirSync, readFileSync } from 'node:fs'
import path from 'node:path'
import { setTimeout as sleep } from 'node:timers/promises'
import { parseMountInfo } from '../../src/engine/runsc/cgroup-mounts.ts'
import {
  findCgroups,
  subfolders,
  TREE_NAME,
  treeFolders,
} from '../../src/engine/runsc/cgroup-tree.ts'

export const RUN_ROOT = '/run/executor-manager'

/** What of a manager's sandboxes can be seen on this machine. */
export interface Traces {
  /** Command lines of processes that belong to its sandboxes. */
  processes: string[]
  /** Its executors' cgroups and, at the end, its own. */
  cgroups: string[]
  /** Its folder of runtime files. */
  folders: string[]
}

export const NO_TRACES: Traces = { processes: [], cgroups: [], folders: [] }

/** @param pid of the manager, living or dead */
export function tracesOf(pid: number): Traces {
  const isOwned = (name: string) => name.startsWith(`${pid}-`)
  const folders = listed(RUN_ROOT).filter(isOwned)
  const cgroups = cgroupTrees().flatMap((folder) =>
    listed(folder)
      .filter(isOwned)
      .flatMap((owner) => [
        ...listed(path.join(folder, owner)).map((name) => path.join(folder, owner, name)),
        path.join(folder, owner),
      ])
      .filter((cgroup) => existsSync(path.join(cgroup, 'cgroup.procs'))),
  )
  const processes = runscProcesses(pid).map(({ command }) => command)
  return { processes, cgroups, folders }
}

/** Every folder in which managers keep cgroups. On v2 each may be in a unit or container of its own. */
export function cgroupTrees(): string[] {
  const plan = findCgroups()
  if (plan.version === 1) return treeFolders(plan.tree)
  const mounts = parseMountInfo(readFileSync('/proc/self/mountinfo', 'utf8'))
  return treesBelow(mounts.find(({ type }) => type === 'cgroup2')?.mountPoint ?? '')
}

function treesBelow(folder: string): string[] {
  return subfolders(folder).flatMap((name) => {
    const child = path.join(folder, name)
    return name === TREE_NAME ? [child] : treesBelow(child)
  })
}

/** Processes of a manager's sandboxes: runsc itself, its sentry and its gofer. */
export function runscProcesses(managerPid: number): { pid: number; command: string }[] {
  return listed('/proc')
    .filter((name) => /^\d+$/.test(name))
    .map((name) => ({ pid: Number(name), command: commandOf(name) }))
    .filter(({ command }) => command.includes(`--root=${RUN_ROOT}/${managerPid}-`))
}

/** Ids of the executors whose sandboxes are there, such as python-3. */
export function executorsOf(managerPid: number): string[] {
  const ids = runscProcesses(managerPid).map(
    ({ command }) => /--root=\S+\/\d+-\d+\/(\S+)/.exec(command)?.[1] ?? '',
  )
  return [...new Set(ids)].filter(Boolean).sort()
}

/** Waits for what comes about in the background; the test's own time limit ends it. */
export async function until(isSo: () => boolean | Promise<boolean>): Promise<void> {
  while (!(await isSo())) await sleep(20)
}

function commandOf(pid: string): string {
  try {
    return readFileSync(`/proc/${pid}/cmdline`, 'utf8').replaceAll('\0', ' ')
  } catch {
    return '' // Gone between the two calls.
  }
}

function listed(folder: string): string[] {
  try {
    return readdirSync(folder)
  } catch {
    return []
  }
}
