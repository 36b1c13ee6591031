import { readdirSync, readFileSync } from 'node:fs'
import path from 'node:path'

/** What the host sees of a container. */

/** Numbers of linux/capability.h, by the names that Docker uses. */
const CAPABILITIES: Readonly<Record<string, number>> = {
  SETGID: 6,
  SETUID: 7,
  SYS_CHROOT: 18,
  SYS_ADMIN: 21,
  SETFCAP: 31,
}

/** As /proc/<pid>/status gives a set of capabilities. @throws Error at a name that is not in the table */
export function capabilityMask(names: readonly string[]): bigint {
  return names.reduce((mask, name) => {
    const number = CAPABILITIES[name]
    if (number === undefined) throw new Error(`no number is known for the capability ${name}`)
    return mask | (1n << BigInt(number))
  }, 0n)
}

/** The cgroups of a container on the host, each with all below it. @param id of the container */
export function cgroupsOf(id: string): string[] {
  const found: string[] = []
  const visit = (folder: string, within: boolean) => {
    for (const name of foldersIn(folder)) {
      const inside = within || name.includes(id)
      const child = path.join(folder, name)
      if (inside) found.push(child)
      visit(child, inside)
    }
  }
  visit('/sys/fs/cgroup', false)
  return found
}

/** Mount points on the host that name a word. */
export function mountsWith(word: string): string[] {
  return readFileSync('/proc/self/mountinfo', 'utf8')
    .split('\n')
    .filter((line) => line.includes(word))
}

function foldersIn(folder: string): string[] {
  try {
    return readdirSync(folder, { withFileTypes: true })
      .filter((entry) => entry.isDirectory())
      .map((entry) => entry.name)
  } catch {
    return [] // Gone between the two calls.
  }
}
