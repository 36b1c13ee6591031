/** Limits that a cgroup has from the start. */
export interface CgroupLimits {
  readonly memoryBytes: number
  /** Host tasks, runsc's own included. It takes effect only where the guest's own limit failed. */
  readonly tasks: number
}

/**
 * The leaf cgroup of one sandbox; on v1 one folder in each hierarchy. runsc is started inside it with
 * --ignore-cgroups and does not touch it, so the counters can still be read when runsc is gone. Calls are
 * synchronous, because they are short reads and writes of kernel files; they throw when these fail.
 */
export interface Cgroup {
  /** A process that writes 0 into each of these is in the cgroup. */
  readonly joinFiles: readonly string[]
  setMemoryLimit(bytes: number): void
  /** @param cpus processors' worth of time, such as 0.5 */
  setCpuLimit(cpus: number): void
  /** @param weight 1 to 10000, of v2's scale on which 100 is the kernel's default */
  setCpuWeight(weight: number): void
  /** Returns the memory in use now. */
  memoryBytes(): number
  /**
   * Returns the most memory in use since the last reset. cgroup v2 before Linux 6.12 has no reset: there it
   * is a lower bound, unless the peak since then is the highest of all; see PeakMemory in cgroup-peak.ts.
   */
  peakMemoryBytes(): number
  resetPeakMemory(): void
  /**
   * Returns the part of its memory that holds the host's caches: pages of files, directory entries and other
   * objects of the kernel. The cgroup that reads something first is charged for it, so this number would
   * tell what other sandboxes have read.
   */
  hostCacheBytes(): number
  /** Counts out-of-memory kills: at its own limit, at that of a cgroup around it, or of the machine. */
  outOfMemoryKills(): number
  /**
   * Tells whether an out-of-memory kill was at its own limit and not at that of a cgroup around it; null where
   * the kernel does not count this (v1).
   */
  ownLimitReached(): boolean | null
  /**
   * Calls back when there may be a new out-of-memory kill; outOfMemoryKills() tells then.
   * @returns a function that ends the watch and may be called again; null where the kernel has no event (v1):
   *   poll outOfMemoryKills() there
   */
  watchMemory(changed: () => void): (() => void) | null
  cpuTimeUs(): number
  /** Returns the ids of the processes in it. */
  processes(): number[]
  /** Returns the ids of the threads in it. */
  threads(): number[]
  freeze(): void
  thaw(): void
  /** Sends SIGKILL to every process in it, frozen or not. Returns how many there were. */
  kill(): number
  /** Kills the processes that are left and removes the folders. Resolves when both are done. */
  remove(): Promise<void>
}
