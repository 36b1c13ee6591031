import { existsSync, readdirSync, readFileSync } from 'node:fs'
import path from 'node:path'
import { setTimeout as sleep } from 'node:timers/promises'
import { findCgroupTree, subfolders } from '../src/engine/runsc/cgroup-tree.ts'

export interface IdleFigures {
  /** Of one processor, manager and sandboxes together. */
  readonly cpuPercent: number
  readonly executors: number
  /** Mean memory of an idle executor by runtime, without page cache, in bytes. */
  readonly memoryBytes: ReadonlyMap<string, number>
}

/** @param pid of a manager whose pools are full and who has nothing to do */
export async function measureIdle(pid: number, seconds: number): Promise<IdleFigures> {
  const folders = ownFolders(pid)
  const before = managerCpuMs(pid) + sandboxCpuMs(folders.cpu)
  await sleep(seconds * 1000)
  const usedMs = managerCpuMs(pid) + sandboxCpuMs(folders.cpu) - before
  const sums = new Map<string, { bytes: number; count: number }>()
  const executors = subfolders(folders.memory)
  for (const name of executors) {
    const runtime = name.replace(/-\d+$/, '')
    const sum = sums.get(runtime) ?? { bytes: 0, count: 0 }
    sum.bytes += anonymousBytes(path.join(folders.memory, name))
    sum.count++
    sums.set(runtime, sum)
  }
  return {
    cpuPercent: usedMs / seconds / 10,
    executors: executors.length,
    memoryBytes: new Map([...sums].map(([runtime, { bytes, count }]) => [runtime, bytes / count])),
  }
}

function ownFolders(pid: number): { cpu: string; memory: string } {
  const tree = findCgroupTree()
  const own = (folder: string) => {
    const name = readdirSync(folder).find((entry) => entry.startsWith(`${pid}-`))
    if (!name) throw new Error(`manager ${pid} has no cgroup in ${folder}`)
    return path.join(folder, name)
  }
  if (tree.version === 2) return { cpu: own(tree.folder), memory: own(tree.folder) }
  return { cpu: own(tree.folders.cpuacct), memory: own(tree.folders.memory) }
}

function sandboxCpuMs(folder: string): number {
  const v1 = path.join(folder, 'cpuacct.usage')
  if (existsSync(v1)) return Number(readFileSync(v1, 'utf8')) / 1e6
  return (
    Number(/usage_usec (\d+)/.exec(readFileSync(path.join(folder, 'cpu.stat'), 'utf8'))?.[1]) / 1000
  )
}

/** utime and stime, fields 14 and 15 of proc_pid_stat(5), in ticks of 10 ms. */
function managerCpuMs(pid: number): number {
  const stat = readFileSync(`/proc/${pid}/stat`, 'utf8')
  const fields = stat.slice(stat.lastIndexOf(')') + 2).split(' ')
  return (Number(fields[11]) + Number(fields[12])) * 10
}

/** What cannot be given back: anonymous and shared memory, and what the kernel holds for it. */
function anonymousBytes(folder: string): number {
  const stat = readFileSync(path.join(folder, 'memory.stat'), 'utf8')
  const read = (key: string) => Number(new RegExp(`^${key} (\\d+)$`, 'm').exec(stat)?.[1] ?? 0)
  return read('rss') + read('anon') + read('shmem') + read('kernel')
}
