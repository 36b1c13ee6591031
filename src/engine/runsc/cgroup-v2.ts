import { existsSync, mkdirSync } from 'node:fs'
import path from 'node:path'
import type { Cgroup, CgroupLimits } from './cgroup.ts'
import {
  CPU_PERIOD_US,
  killAll,
  readIds,
  readKey,
  readNumber,
  removeAll,
  write,
} from './cgroup-files.ts'
import { delegate } from './cgroup-tree.ts'

/** Source: kernel Documentation/admin-guide/cgroup-v2.rst. */
export class CgroupV2 implements Cgroup {
  readonly #folder: string
  readonly joinFiles: readonly string[]

  constructor(folder: string, name: string) {
    this.#folder = path.join(folder, name)
    this.joinFiles = [path.join(this.#folder, 'cgroup.procs')]
  }

  create(limits: CgroupLimits): void {
    const owner = path.dirname(this.#folder)
    if (!existsSync(owner)) {
      mkdirSync(owner, { recursive: true })
      delegate(path.dirname(owner))
      delegate(owner)
    }
    mkdirSync(this.#folder, { recursive: true })
    this.setMemoryLimit(limits.memoryBytes)
    if (existsSync(path.join(this.#folder, 'memory.swap.max')))
      write(this.#folder, 'memory.swap.max', 0)
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
    return readNumber(this.#folder, 'memory.peak')
  }

  resetPeakMemory(): void {
    try {
      write(this.#folder, 'memory.peak', 'reset')
    } catch {
      // Read-only before Linux 6.12: the peak then counts from the executor's start.
    }
  }

  outOfMemoryKills(): number {
    return readKey(this.#folder, 'memory.events', 'oom_kill')
  }

  cpuTimeUs(): number {
    return readKey(this.#folder, 'cpu.stat', 'usage_usec')
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

  kill(): number {
    return killAll(this.#folder)
  }

  remove(): Promise<void> {
    return removeAll(() => this.kill(), [this.#folder])
  }
}
