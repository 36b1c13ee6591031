import { existsSync, mkdirSync, readlinkSync } from 'node:fs'
import path from 'node:path'
import type { Cgroup, CgroupLimits } from './cgroup.ts'
import {
  CPU_PERIOD_US,
  readIds,
  readKey,
  readKeys,
  readNumber,
  removeAll,
  signalAll,
  stopAll,
  write,
} from './cgroup-files.ts'
import type { V1Controller } from './cgroup-tree.ts'

/** The machine's first pid namespace, as /proc/self/ns/pid names it. Source: Linux, PROC_PID_INIT_INO. */
const MACHINE_PID_NAMESPACE = 'pid:[4026531836]'

/**
 * Whether executors that wait are stopped by a signal instead of frozen. When pid 1 of a container is killed,
 * the kernel kills what is left in its pid namespace and waits for it. On v1 a frozen process cannot die, so
 * the container would never end; a stopped one can.
 */
const STOPS = readlinkSync('/proc/self/ns/pid') !== MACHINE_PID_NAMESPACE

/** A sandbox's cgroup on v1. Source: kernel Documentation/admin-guide/cgroup-v1/. */
export class CgroupV1 implements Cgroup {
  readonly #folder: Readonly<Record<V1Controller, string>>
  readonly joinFiles: readonly string[]

  /** @param folders in which the sandboxes' cgroups are, by controller */
  constructor(folders: Readonly<Record<V1Controller, string>>, name: string) {
    this.#folder = {
      memory: path.join(folders.memory, name),
      cpu: path.join(folders.cpu, name),
      cpuacct: path.join(folders.cpuacct, name),
      pids: path.join(folders.pids, name),
      freezer: path.join(folders.freezer, name),
    }
    this.joinFiles = this.#folders().map((folder) => path.join(folder, 'cgroup.procs'))
  }

  create(limits: CgroupLimits): void {
    for (const folder of this.#folders()) mkdirSync(folder, { recursive: true })
    this.setMemoryLimit(limits.memoryBytes)
    write(this.#folder.pids, 'pids.max', limits.tasks)
  }

  setMemoryLimit(bytes: number): void {
    // Memory and swap together must never be below memory, so the order depends on the direction.
    const withSwap = 'memory.memsw.limit_in_bytes'
    const swapCounted = existsSync(path.join(this.#folder.memory, withSwap))
    const raise = bytes > readNumber(this.#folder.memory, 'memory.limit_in_bytes')
    if (swapCounted && raise) write(this.#folder.memory, withSwap, bytes)
    write(this.#folder.memory, 'memory.limit_in_bytes', bytes)
    if (swapCounted && !raise) write(this.#folder.memory, withSwap, bytes)
  }

  setCpuLimit(cpus: number): void {
    write(this.#folder.cpu, 'cpu.cfs_period_us', CPU_PERIOD_US)
    write(this.#folder.cpu, 'cpu.cfs_quota_us', Math.round(cpus * CPU_PERIOD_US))
  }

  setCpuWeight(weight: number): void {
    // 1024 shares are what weight 100 is on v2.
    write(this.#folder.cpu, 'cpu.shares', Math.max(2, Math.round((weight * 1024) / 100)))
  }

  memoryBytes(): number {
    return readNumber(this.#folder.memory, 'memory.usage_in_bytes')
  }

  peakMemoryBytes(): number {
    return readNumber(this.#folder.memory, 'memory.max_usage_in_bytes')
  }

  resetPeakMemory(): void {
    write(this.#folder.memory, 'memory.max_usage_in_bytes', 0)
  }

  hostCacheBytes(): number {
    const { memory } = this.#folder
    const { cache, shmem } = readKeys(memory, 'memory.stat', ['cache', 'shmem'])
    const kernel = 'memory.kmem.usage_in_bytes'
    const kernelBytes = existsSync(path.join(memory, kernel)) ? readNumber(memory, kernel) : 0
    // The memory of a sandbox is a file too, though not one on a disk (shmem).
    return cache - shmem + kernelBytes
  }

  outOfMemoryKills(): number {
    return readKey(this.#folder.memory, 'memory.oom_control', 'oom_kill')
  }

  /** v1 does not tell: memory.failcnt also counts the times when memory could be freed. */
  ownLimitReached(): null {
    return null
  }

  /** v1 does not tell: its events need an eventfd, which Node.js cannot make. */
  watchMemory(): null {
    return null
  }

  cpuTimeUs(): number {
    return Math.round(readNumber(this.#folder.cpuacct, 'cpuacct.usage') / 1000)
  }

  processes(): number[] {
    return readIds(this.#folder.freezer, 'cgroup.procs')
  }

  threads(): number[] {
    return readIds(this.#folder.freezer, 'tasks')
  }

  freeze(): void {
    if (STOPS) stopAll(this.#folder.freezer)
    else write(this.#folder.freezer, 'freezer.state', 'FROZEN')
  }

  thaw(): void {
    if (STOPS) signalAll(this.#folder.freezer, 'SIGCONT')
    else write(this.#folder.freezer, 'freezer.state', 'THAWED')
  }

  kill(): number {
    const killed = signalAll(this.#folder.freezer, 'SIGKILL').length
    // A frozen process dies when it is thawed, a stopped one at once.
    if (killed > 0 && !STOPS) this.thaw()
    return killed
  }

  remove(): Promise<void> {
    return removeAll(() => this.kill(), this.#folders())
  }

  #folders(): string[] {
    return [...new Set(Object.values(this.#folder))]
  }
}
