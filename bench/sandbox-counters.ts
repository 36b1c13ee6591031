import { readdirSync, readFileSync } from 'node:fs'
import path from 'node:path'
import { type CgroupTree, subfolders } from '../src/engine/runsc/cgroup-tree.ts'

/** Where every manager marks what it owns: a folder `<pid>-<start time>` with its cgroup tree. */
const RUN_ROOT = '/run/executor-manager'

/** The memory of one sandbox, all its processes on the host together. */
export interface SandboxMemory {
  readonly totalBytes: number
  /** Shared memory: what the programs inside hold. */
  readonly guestBytes: number
  /** Anonymous memory: gVisor's own processes. */
  readonly gvisorBytes: number
  /** Page cache of files. */
  readonly fileBytes: number
}

/** Reads the kernel's counters of all sandboxes of one manager. */
export class SandboxCounters {
  readonly #tree: CgroupTree
  readonly #owner: string

  /** @param pid of the manager, alive */
  constructor(pid: number) {
    const owner = readdirSync(RUN_ROOT).find((name) => name.startsWith(`${pid}-`))
    if (!owner) throw new Error(`process ${pid} owns no sandboxes`)
    const file = path.join(RUN_ROOT, owner, 'cgroup-tree.json')
    this.#tree = JSON.parse(readFileSync(file, 'utf8')) as CgroupTree
    this.#owner = owner
  }

  /** Of all its sandboxes, those included that are gone where the kernel keeps count of them. */
  cpuTimeUs(): number {
    const tree = this.#tree
    if (tree.version === 1) {
      const file = path.join(tree.folders.cpuacct, this.#owner, 'cpuacct.usage')
      return Number(readFileSync(file, 'utf8')) / 1000
    }
    const text = readFileSync(path.join(tree.folder, this.#owner, 'cpu.stat'), 'utf8')
    return counterOf(text, 'usage_usec')
  }

  /** By the name of the sandbox's runtime. */
  memory(): Map<string, SandboxMemory[]> {
    const tree = this.#tree
    const owned = path.join(tree.version === 1 ? tree.folders.memory : tree.folder, this.#owner)
    const byRuntime = new Map<string, SandboxMemory[]>()
    for (const name of subfolders(owned)) {
      const runtime = name.slice(0, name.lastIndexOf('-'))
      const memory = memoryOf(path.join(owned, name), tree.version)
      byRuntime.set(runtime, [...(byRuntime.get(runtime) ?? []), memory])
    }
    return byRuntime
  }
}

function memoryOf(folder: string, version: 1 | 2): SandboxMemory {
  const usage = version === 1 ? 'memory.usage_in_bytes' : 'memory.current'
  const stat = readFileSync(path.join(folder, 'memory.stat'), 'utf8')
  const guestBytes = counterOf(stat, 'shmem')
  return {
    totalBytes: Number(readFileSync(path.join(folder, usage), 'utf8')),
    guestBytes,
    gvisorBytes: counterOf(stat, version === 1 ? 'rss' : 'anon'),
    // Both count shared memory as page cache as well.
    fileBytes: counterOf(stat, version === 1 ? 'cache' : 'file') - guestBytes,
  }
}

function counterOf(text: string, key: string): number {
  return Number(new RegExp(`^${key} (\\d+)$`, 'm').exec(text)?.[1] ?? Number.NaN)
}
