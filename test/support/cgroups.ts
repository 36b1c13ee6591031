import { existsSync, readFileSync, writeFileSync } from 'node:fs'
import path from 'node:path'
import { tracesOf } from './traces.ts'

/** The cgroup of an executor as the kernel shows it, v1 or v2; a cgroup that is gone reads as empty. */
export class ExecutorCgroup {
  /** On v1 one in each hierarchy. */
  readonly #folders: readonly string[]

  constructor(managerPid: number, executor: string) {
    this.#folders = tracesOf(managerPid).cgroups.filter((name) => path.basename(name) === executor)
  }

  get exists(): boolean {
    return this.#folders.some((folder) => existsSync(folder))
  }

  /** Host processes: sentry, gofer, and the stubs that guest code runs in. */
  get pids(): number[] {
    return this.#read('cgroup.procs').split('\n').filter(Boolean).map(Number)
  }

  get isFrozen(): boolean {
    const v1 = this.#read('freezer.state').trim()
    return v1 ? v1 === 'FROZEN' : /^frozen 1$/m.test(this.#read('cgroup.events'))
  }

  get cpuTimeNs(): number {
    const v1 = this.#read('cpuacct.usage')
    if (v1) return Number(v1)
    return 1000 * Number(/^usage_usec (\d+)$/m.exec(this.#read('cpu.stat'))?.[1] ?? 0)
  }

  thaw(): void {
    this.#write('freezer.state', 'THAWED')
    this.#write('cgroup.freeze', '0')
  }

  #read(file: string): string {
    for (const folder of this.#folders) {
      try {
        return readFileSync(path.join(folder, file), 'utf8')
      } catch {
        // Another controller's folder, the other cgroup version, or gone.
      }
    }
    return ''
  }

  #write(file: string, word: string): void {
    for (const folder of this.#folders) {
      const target = path.join(folder, file)
      if (existsSync(target)) writeFileSync(target, word)
    }
  }
}
