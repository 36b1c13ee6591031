/** What a manager does on cgroup v2 so that its own cgroup can have children with controllers. */
import { mkdirSync, readFileSync, writeFileSync } from 'node:fs'
import path from 'node:path'
import { ManagerError } from '../../errors.ts'
import { execSync } from '../../lib/exec.ts'

/** For a cgroup namespace whose mount is read-only or shows another part of the hierarchy. */
export const OWN_MOUNT = '/run/executor-manager/cgroup'
const MOVE_ATTEMPTS = 100

/**
 * Mounts cgroup2 at OWN_MOUNT, writable and from the root of this process's cgroup namespace. The mount that a
 * container has is mostly read-only. Needs CAP_SYS_ADMIN, as runsc does.
 * @throws ManagerError SETUP_FAILED with the remedy
 */
export function mountUnified(): void {
  mkdirSync(OWN_MOUNT, { recursive: true })
  const { failure, stderr } = execSync(['mount', '-t', 'cgroup2', 'cgroup2', OWN_MOUNT])
  if (failure === null) return
  throw new ManagerError(
    'SETUP_FAILED',
    `This process's cgroup is not writable, and cgroup2 cannot be mounted (${stderr.trim() || failure}): in a container use --cgroupns=private with CAP_SYS_ADMIN.`,
  )
}

/**
 * Moves every process of a cgroup into a child of it, and then calls `andThen`. Does both again on EBUSY,
 * which the kernel answers when a process was started in the cgroup meanwhile.
 * @throws ManagerError SETUP_FAILED when processes stay that cannot be moved; what `andThen` throws
 */
export function moveProcesses(from: string, leaf: string, andThen: () => void): void {
  mkdirSync(leaf, { recursive: true })
  for (let attempt = 1; ; attempt++) {
    const staying = pidsIn(from).filter((pid) => !moved(pid, leaf))
    if (staying.includes('0')) {
      throw new ManagerError(
        'SETUP_FAILED',
        `The cgroup ${from} has processes of another pid namespace, which the manager cannot move: give it a cgroup of its own (--cgroupns=private).`,
      )
    }
    try {
      andThen()
      return
    } catch (error) {
      const isBusy = (error as NodeJS.ErrnoException).code === 'EBUSY'
      if (!isBusy || attempt === MOVE_ATTEMPTS) throw error
    }
  }
}

function pidsIn(folder: string): string[] {
  return readFileSync(path.join(folder, 'cgroup.procs'), 'utf8').split('\n').filter(Boolean)
}

/** 0 stands for a process of another pid namespace; written, it would be this process. */
function moved(pid: string, leaf: string): boolean {
  if (pid === '0') return false
  try {
    writeFileSync(path.join(leaf, 'cgroup.procs'), pid)
    return true
  } catch (error) {
    if ((error as NodeJS.ErrnoException).code === 'ESRCH') return true
    throw error
  }
}
