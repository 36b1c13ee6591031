export interface CgroupLimits {
  readonly memoryBytes: number
  /** Host tasks, those of runsc included: a backstop behind the guest's own limit. */
  readonly tasks: number
}

/**
 * The leaf cgroup of one sandbox, on v1 one folder in each hierarchy. runsc is started inside it with
 * --ignore-cgroups and knows nothing of it, so that the counters are still there when runsc is gone.
 * Calls are synchronous: they are short writes to the kernel.
 */
export interface Cgroup {
  /** A process that writes 0 into each of these is in the cgroup. */
  readonly joinFiles: readonly string[]
  setMemoryLimit(bytes: number): void
  setCpuLimit(cpus: number): void
  setCpuWeight(weight: number): void
  memoryBytes(): number
  /** Since the last reset, where the kernel can reset (v1, and v2 from Linux 6.12 on). */
  peakMemoryBytes(): number
  resetPeakMemory(): void
  /** For whatever want of memory: its own limit's, that of a cgroup around it, or the machine's. */
  outOfMemoryKills(): number
  cpuTimeUs(): number
  /** Ids of the threads in it. @throws when they cannot be read */
  threads(): number[]
  freeze(): void
  thaw(): void
  /** SIGKILLs every process in it, frozen or not; returns how many there were. */
  kill(): number
  /** Kills what is left and removes the folders; resolves when both are done. */
  remove(): Promise<void>
}
