import { existsSync, mkdirSync } from 'node:fs'
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
  write,
} from './cgroup-files.ts'
import { PeakMemory } from './cgroup-peak.ts'
import { watchFile } from './cgroup-watch.ts'

/** A sandbox's cgroup on v2. Source: kernel Documentation/admin-guide/cgroup-v2.rst. */
export class CgroupV2 implements Cgroup {
  readonly #folder: string
  readonly #peak: PeakMemory
  readonly joinFiles: readonly string[]

  /** @param folder in which the sandboxes' cgroups are */
  constructor(folder: string, name: string) {
    this.#folder = path.join(folder, name)
    this.#peak = new PeakMemory(this.#folder, () => this.memoryBytes())
    this.joinFiles = [path.join(this.#folder, 'cgroup.procs')]
  }

  create(limits: CgroupLimits): void {
    mkdirSync(this.#folder, { recursive: true })
    this.setMemoryLimit(limits.memoryBytes)
    if (existsSync(path.join(this.#folder, 'memory.swap.max')))
      write(this.#folder, 'memory.swap.max', 0)
    // The kernel kills all processes of the sandbox together: it cannot go on without one of them.
    write(this.#folder, 'memory.oom.group', 1)
    write(this.#folder, 'pids.max', limits.tasks)
  }

  setMemoryLimit(bytes: number): void {
    write(this.#folder, 'memory.max', bytes)
  }

  setCpuLimit(cpus: number): void {
    write(this.#folder, 'cpu.max', `${Math.round(cpus * CPU_PERIOD_US)} ${CPU_PERIOD_US}`)
  }

  setCpuWeight(weight: number): void {
    write(this.#folder, 'cpu.weight', weight)
  }

  memoryBytes(): number {
    return readNumber(this.#folder, 'memory.current')
  }

  peakMemoryBytes(): number {
    return this.#peak.bytes()
  }

  resetPeakMemory(): void {
    this.#peak.reset()
  }

  hostCacheBytes(): number {
    const keys = ['file', 'shmem', 'kernel', 'slab'] as const
    const { file, shmem, kernel, slab } = readKeys(this.#folder, 'memory.stat', keys)
    // The memory of a sandbox is a file too, though not one on a disk (shmem). `kernel` is there since
    // Linux 5.18.
    return file - shmem + (kernel || slab)
  }

  outOfMemoryKills(): number {
    return readKey(this.#folder, 'memory.events', 'oom_kill')
  }

  /** `oom` counts only in the cgroup whose limit it was; `.local` leaves out those below. */
  ownLimitReached(): boolean {
    return readKey(this.#folder, 'memory.events.local', 'oom') > 0
  }

  watchMemory(changed: () => void): (() => void) | null {
    return watchFile(path.join(this.#folder, 'memory.events'), changed)
  }

  cpuTimeUs(): number {
    return readKey(this.#folder, 'cpu.stat', 'usage_usec')
  }

  processes(): number[] {
    return readIds(this.#folder, 'cgroup.procs')
  }

  threads(): number[] {
    return readIds(this.#folder, 'cgroup.threads')
  }

  freeze(): void {
    write(this.#folder, 'cgroup.freeze', 1)
  }

  thaw(): void {
    write(this.#folder, 'cgroup.freeze', 0)
  }

  /** cgroup.kill ends all of them at once, also those that are being started or are frozen. */
  kill(): number {
    const killFile = 'cgroup.kill'
    // Since Linux 5.14.
    if (!existsSync(path.join(this.#folder, killFile)))
      return signalAll(this.#folder, 'SIGKILL').length
    try {
      write(this.#folder, killFile, 1)
    } catch (error) {
      if (!existsSync(this.#folder)) return 0
      throw error
    }
    return readKey(this.#folder, 'cgroup.events', 'populated')
  }

  remove(): Promise<void> {
    this.#peak.close()
    return removeAll(() => this.kill(), [this.#folder])
  }
}
