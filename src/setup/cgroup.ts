/** Which cgroup controllers the machine offers, by the mounted hierarchies. Pure parser. */

export type CgroupFacts = { version: 1 | 2; missing: string[] }

// cgroup v2 accounts cpu time and freezes without a controller for it.
const NEEDED = {
  1: ['memory', 'cpu', 'cpuacct', 'pids', 'freezer'],
  2: ['memory', 'cpu', 'pids'],
} as const

/**
 * `mounts` is /proc/mounts; `rootControllers` is cgroup.controllers of the unified root. On a hybrid
 * machine (both mounted) v1 counts when it has the controllers, for then v2 has none.
 */
export function cgroupFacts(mounts: string, rootControllers: string): CgroupFacts | undefined {
  const lines = mounts.split('\n').map((line) => line.split(' '))
  const v1 = lines.filter((fields) => fields[2] === 'cgroup').flatMap((f) => f[3]?.split(',') ?? [])
  if (v1.includes('memory')) return facts(1, v1)
  if (lines.some((fields) => fields[2] === 'cgroup2')) {
    return facts(2, rootControllers.trim().split(/\s+/))
  }
  return undefined
}

function facts(version: 1 | 2, present: string[]): CgroupFacts {
  return { version, missing: NEEDED[version].filter((name) => !present.includes(name)) }
}
