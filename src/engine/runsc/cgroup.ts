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
  /**
   * Since the last reset. Before Linux 6.12 cgroup v2 has no reset: then it is a lower bound, unless the
   * memory has risen since above all that it was before; see PeakMemory in cgroup-peak.ts.
   */
  peakMemoryBytes(): number
  resetPeakMemory(): void
  /**
   * Part of its memory that holds the host's caches: pages of files, directory entries and other objects
   * of the kernel. Whoever asks first is charged for them, so they tell what others asked for before.
   */
  hostCacheBytes(): number
  /** For whatever want of memory: its own limit's, that of a cgroup around it, or the machine's. */
  outOfMemoryKills(): number
  /**
   * Whether its own limit was reached with nothing to give back, and not that of a cgroup around it;
   * null where the kernel does not count this (v1).
   */
  ownLimitReached(): boolean | null
  /**
   * Calls back when the kernel may have killed in it for want of memory: ask outOfMemoryKills() then.
   * @returns ends the watch, may be called again; null where the kernel does not tell: ask now and then
   */
  watchMemory(changed: () => void): (() => void) | null
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
