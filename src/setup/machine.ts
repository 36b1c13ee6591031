/**
 * Reads what this process may use of the machine: the host's processors and memory, or less where its cgroup or one
 * above it has a limit (a container, a systemd unit or slice).
 * process.constrainedMemory() would not do: it looks at the process's own cgroup only, and a manager
 * that moved into a leaf of its container's cgroup has the limit above it.
 */
import { readFileSync } from 'node:fs'
import { availableParallelism, freemem, totalmem } from 'node:os'
import path from 'node:path'
import {
  folderBelow,
  type Mount,
  parseMountInfo,
  parseOwnCgroups,
} from '../engine/runsc/cgroup-mounts.ts'

export interface Machine {
  /** Processors, at least 1; a quota of 1.5 counts as 1. */
  readonly cores: number
  readonly memoryBytes: number
  /** Memory that can be had now without taking it from another process. */
  freeMemoryBytes(): number
}

/** Reads the sizes of the machine and the limits of this process's cgroups, as they are now. */
export function readMachine(): Machine {
  const mounts = parseMountInfo(text('/proc/self/mountinfo'))
  const folders = limitingFolders(mounts, parseOwnCgroups(text('/proc/self/cgroup')))
  const limited = folders.filter((folder) => memoryLimitOf(folder) < totalmem())
  const cores = Math.min(availableParallelism(), ...folders.map(cpuLimitOf))
  return {
    cores: Math.max(1, Math.floor(cores)),
    memoryBytes: Math.min(totalmem(), ...limited.map(memoryLimitOf)),
    freeMemoryBytes: () => Math.max(0, Math.min(freemem(), ...limited.map(freeMemoryOf))),
  }
}

/**
 * Returns the cgroup folders whose limits hold for a process: its own, and those above it that are visible.
 * @param own path by controller, '' for cgroup v2
 */
export function limitingFolders(
  mounts: readonly Mount[],
  own: ReadonlyMap<string, string>,
): string[] {
  const folders = new Set<string>()
  for (const mount of mounts.filter(({ type }) => type === 'cgroup' || type === 'cgroup2')) {
    const names = mount.type === 'cgroup2' ? [''] : ['memory', 'cpu']
    for (const name of names) {
      const ownPath = own.get(name)
      if (ownPath === undefined || (name !== '' && !mount.superOptions.includes(name))) continue
      let folder = folderBelow(mount, ownPath) ?? mount.mountPoint
      for (; folder.length > mount.mountPoint.length; folder = path.dirname(folder)) {
        folders.add(folder)
      }
      folders.add(mount.mountPoint)
    }
  }
  return [...folders]
}

/** Returns the bytes that a cgroup may use; Infinity without a limit. Reads files of v2 and of v1 (cgroups(7)). */
export function memoryLimitOf(folder: string): number {
  const limits = ['memory.max', 'memory.high', 'memory.limit_in_bytes'].map((name) =>
    numberIn(text(path.join(folder, name))),
  )
  return Math.min(...limits)
}

/** Returns how many processors' worth of time a cgroup may use; Infinity without a quota. */
export function cpuLimitOf(folder: string): number {
  const [quota = '', period = ''] = text(path.join(folder, 'cpu.max')).split(' ')
  const v2 = numberIn(quota) / numberIn(period)
  const v1 =
    numberIn(text(path.join(folder, 'cpu.cfs_quota_us'))) /
    numberIn(text(path.join(folder, 'cpu.cfs_period_us')))
  return Math.min(...[v2, v1].map((cpus) => (Number.isFinite(cpus) && cpus > 0 ? cpus : Infinity)))
}

/** Returns the bytes left below a cgroup's limit. Inactive file pages count as free: they can be reclaimed. */
export function freeMemoryOf(folder: string): number {
  const used = ['memory.current', 'memory.usage_in_bytes']
    .map((name) => numberIn(text(path.join(folder, name))))
    .find(Number.isFinite)
  const stat = text(path.join(folder, 'memory.stat'))
  // v1 has its own value first, and the one with its children's as total_.
  const reclaimable =
    /^total_inactive_file (\d+)$/m.exec(stat)?.[1] ?? /^inactive_file (\d+)$/m.exec(stat)?.[1]
  return memoryLimitOf(folder) - (used ?? 0) + Number(reclaimable ?? 0)
}

/** Infinity for what is no number: "max", or a file that is not there. */
function numberIn(value: string): number {
  return /^\d+$/.test(value.trim()) ? Number(value) : Infinity
}

function text(file: string): string {
  try {
    return readFileSync(file, 'utf8')
  } catch {
    return ''
  }
}
