import { readdirSync, readFileSync, readlinkSync } from 'node:fs'
import path from 'node:path'
import { sizeOfPool } from '../../src/runtimes/rich.ts'
import { ExecutorCgroup } from './cgroups.ts'
import type { Client } from './client.ts'
import { executorsOf, RUN_ROOT, tracesOf } from './traces.ts'

/** How many executors of each runtime are in each state, by the manager's own account. */
export type PoolCounts = Record<string, Record<string, number>>

export async function poolCounts(client: Client): Promise<PoolCounts> {
  const text = await (await fetch(`${client.url}/metrics`)).text()
  const counts: PoolCounts = {}
  const lines = text.matchAll(
    /^executor_manager_executors{runtime="([\w-]+)",state="(\w+)"} (\d+)$/gm,
  )
  for (const [, runtime, state, count] of lines) {
    counts[runtime as string] = { ...counts[runtime as string], [state as string]: Number(count) }
  }
  return counts
}

/**
 * Whether every pool has its ready executors and nothing is on its way, and the machine agrees: there
 * are processes, cgroups and files of the ready executors, and of no others.
 */
export async function isAtRest(client: Client, managerPid: number, size: number) {
  const counts = Object.entries(await poolCounts(client))
  const executors = executorsOf(managerPid)
  const cgroups = new Set(tracesOf(managerPid).cgroups.map((folder) => path.basename(folder)))
  const files = runFiles(managerPid).filter((name) => !/^bundle-|^cgroup-tree|^shared$/.test(name))
  const ready = (runtime: string) => executors.filter((id) => id.startsWith(`${runtime}-`)).length
  return (
    counts.length > 0 &&
    counts.every(
      ([runtime, states]) =>
        (states.ready ?? 0) >= sizeOfPool(runtime, size) &&
        states.ready === ready(runtime) &&
        !states.warming &&
        !states.leased &&
        !states.disposing,
    ) &&
    // One is the manager's own.
    cgroups.size === executors.length + 1 &&
    executors.every((id) => cgroups.has(id)) &&
    files.sort().join() === executors.join()
  )
}

/** What a manager keeps in its folder of runtime files. */
export function runFiles(managerPid: number): string[] {
  return tracesOf(managerPid).folders.flatMap((owner) => readdirSync(path.join(RUN_ROOT, owner)))
}

/**
 * Mount points that have to do with a manager's sandboxes, as that process sees them. Without what all
 * of them share, which a current runsc mounts once.
 */
export function mountsOf(managerPid: number, home: string): string[] {
  return readFileSync(`/proc/${managerPid}/mountinfo`, 'utf8')
    .split('\n')
    .map((line) => line.split(' ')[4] ?? '')
    .filter((point) => !point.endsWith('/shared/null-netns'))
    .filter((point) => [home, RUN_ROOT].some((folder) => point.startsWith(folder)))
}

/**
 * Children, zombies included, that are not in an executor's cgroup. There the runsc that started it may
 * have been frozen in the middle of its exit, and goes on when the executor does.
 */
export function strayChildrenOf(pid: number): number[] {
  const held = executorsOf(pid).flatMap((id) => new ExecutorCgroup(pid, id).pids)
  return readdirSync('/proc')
    .filter((name) => /^\d+$/.test(name) && parentOf(name) === pid)
    .map(Number)
    .filter((child) => !held.includes(child))
}

/** What each open descriptor of a process is. */
export function descriptorsOf(pid: number): string[] {
  return readdirSync(`/proc/${pid}/fd`).flatMap((fd) => {
    try {
      return [readlinkSync(`/proc/${pid}/fd/${fd}`)]
    } catch {
      return [] // Closed between the two calls.
    }
  })
}

function parentOf(pid: string): number | null {
  try {
    // After the name, which may hold anything: state, parent (proc_pid_stat(5)).
    const stat = readFileSync(`/proc/${pid}/stat`, 'utf8')
    return Number(stat.slice(stat.lastIndexOf(')') + 2).split(' ')[1])
  } catch {
    return null
  }
}
