import {
  closeSync,
  constants,
  existsSync,
  mkdirSync,
  openSync,
  readFileSync,
  rmdirSync,
  writeSync,
} from 'node:fs'
import path from 'node:path'
import { setTimeout as sleep } from 'node:timers/promises'
import { ManagerError } from '../../errors.ts'
import { type CgroupTree, delegate, treeFolders, type V1_CONTROLLERS } from './cgroup-tree.ts'

export interface CgroupLimits {
  readonly memoryBytes: number
  /** Host tasks, those of runsc included: a backstop behind the guest's own limit. */
  readonly tasks: number
}

/**
 * The leaf cgroup of one sandbox, on v1 one folder in each hierarchy. runsc is started inside it with
 * --ignore-cgroups and knows nothing of it, so that the counters are still there when runsc is gone.
 * Calls are synchronous: they are short writes to the kernel.
 * Sources: kernel Documentation/admin-guide/cgroup-v1/*.rst and cgroup-v2.rst.
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
  outOfMemoryKills(): number
  cpuTimeUs(): number
  freeze(): void
  thaw(): void
  /** SIGKILLs every process in it, frozen or not; returns how many there were. */
  kill(): number
  /** Kills what is left and removes the folders; resolves when both are done. */
  remove(): Promise<void>
}

const CPU_PERIOD_US = 100_000
const REMOVE_ATTEMPTS = 200

/** @param name relative to the tree: `<owner>/<executor>` */
export function createCgroup(tree: CgroupTree, name: string, limits: CgroupLimits): Cgroup {
  const cgroup =
    tree.version === 1 ? new CgroupV1(tree.folders, name) : new CgroupV2(tree.folder, name)
  try {
    cgroup.create(limits)
  } catch (error) {
    void cgroup.remove().catch(() => {})
    throw new ManagerError('ENGINE_FAILED', `cgroup ${name}: ${(error as Error).message}`, {
      cause: error,
    })
  }
  return cgroup
}

/** An existing one, of an earlier manager. */
export function findCgroup(tree: CgroupTree, name: string): Cgroup {
  return tree.version === 1 ? new CgroupV1(tree.folders, name) : new CgroupV2(tree.folder, name)
}

/** Removes the empty folder `name` from every hierarchy of the tree. */
export function removeFolders(tree: CgroupTree, name: string): void {
  for (const folder of treeFolders(tree)) removeFolder(path.join(folder, name))
}

class CgroupV1 implements Cgroup {
  readonly #folder: Record<(typeof V1_CONTROLLERS)[number], string>
  readonly joinFiles: readonly string[]

  constructor(folders: Readonly<Record<(typeof V1_CONTROLLERS)[number], string>>, name: string) {
    const own = (controller: (typeof V1_CONTROLLERS)[number]) =>
      path.join(folders[controller], name)
    this.#folder = {
      memory: own('memory'),
      cpu: own('cpu'),
      cpuacct: own('cpuacct'),
      pids: own('pids'),
      freezer: own('freezer'),
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

  outOfMemoryKills(): number {
    return readKey(this.#folder.memory, 'memory.oom_control', 'oom_kill')
  }

  cpuTimeUs(): number {
    return Math.round(readNumber(this.#folder.cpuacct, 'cpuacct.usage') / 1000)
  }

  freeze(): void {
    write(this.#folder.freezer, 'freezer.state', 'FROZEN')
  }

  thaw(): void {
    write(this.#folder.freezer, 'freezer.state', 'THAWED')
  }

  kill(): number {
    const killed = killAll(path.join(this.#folder.freezer, 'cgroup.procs'))
    // A frozen process dies when it is thawed.
    if (killed > 0) this.thaw()
    return killed
  }

  remove(): Promise<void> {
    return removeAll(this, this.#folders())
  }

  #folders(): string[] {
    return [...new Set(Object.values(this.#folder))]
  }
}

class CgroupV2 implements Cgroup {
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

  freeze(): void {
    write(this.#folder, 'cgroup.freeze', 1)
  }

  thaw(): void {
    write(this.#folder, 'cgroup.freeze', 0)
  }

  kill(): number {
    return killAll(path.join(this.#folder, 'cgroup.procs'))
  }

  remove(): Promise<void> {
    return removeAll(this, [this.#folder])
  }
}

function write(folder: string, file: string, value: string | number): void {
  const fd = openSync(path.join(folder, file), constants.O_WRONLY)
  try {
    writeSync(fd, String(value))
  } finally {
    closeSync(fd)
  }
}

/** Counters of a cgroup that is gone read as nothing: a stop may remove it under a run. */
function read(folder: string, file: string): string {
  try {
    return readFileSync(path.join(folder, file), 'utf8')
  } catch (error) {
    const { code } = error as NodeJS.ErrnoException
    if (code === 'ENOENT' || code === 'ENODEV') return '0'
    throw error
  }
}

function readNumber(folder: string, file: string): number {
  return Number(read(folder, file))
}

function readKey(folder: string, file: string, key: string): number {
  const match = new RegExp(`^${key} (\\d+)$`, 'm').exec(read(folder, file))
  return match ? Number(match[1]) : 0
}

function killAll(procsFile: string): number {
  let pids: string[]
  try {
    pids = readFileSync(procsFile, 'utf8').split('\n').filter(Boolean)
  } catch {
    return 0
  }
  for (const pid of pids) {
    try {
      // 0 stands for a process of another pid namespace, and kill(0) would be our own group.
      if (Number(pid) > 0) process.kill(Number(pid), 'SIGKILL')
    } catch {
      // Gone between the two calls.
    }
  }
  return pids.length
}

async function removeAll(cgroup: Cgroup, folders: readonly string[]): Promise<void> {
  for (let attempt = 0; ; attempt++) {
    const alive = cgroup.kill()
    if (alive === 0 && folders.map(removeFolder).every(Boolean)) return
    if (attempt === REMOVE_ATTEMPTS) {
      throw new ManagerError(
        'ENGINE_FAILED',
        `cgroup ${folders[0]} cannot be removed: ${alive} processes stay`,
      )
    }
    await sleep(Math.min(1 + attempt, 50))
  }
}

function removeFolder(folder: string): boolean {
  try {
    rmdirSync(folder)
    return true
  } catch (error) {
    return (error as NodeJS.ErrnoException).code === 'ENOENT'
  }
}
