import { readFileSync } from 'node:fs'

/** The bit of SIGKILL in the masks of proc_pid_status(5). */
const SIGKILL_BIT = 1n << 8n

/**
 * Tells whether the sentry or the gofer of a frozen sandbox was killed. On cgroup v1 they die no sooner than they
 * are thawed; until then the signal is pending. Processes that the sentry made itself do not count: it kills those
 * of guest processes that have ended.
 * @param pids of all processes of the sandbox
 * @param statusOf returns the text of /proc/PID/status
 */
export function hasPendingKill(
  pids: readonly number[],
  statusOf: (pid: number) => string = readStatus,
): boolean {
  const own = new Set(pids)
  return pids.some((pid) => {
    try {
      const status = statusOf(pid)
      const parent = Number(/^PPid:\t(\d+)$/m.exec(status)?.[1])
      return !own.has(parent) && isKilled(status)
    } catch {
      // Gone, or no descriptor is free: the next look tells.
      return false
    }
  })
}

function isKilled(status: string): boolean {
  const masks = [...status.matchAll(/^(?:Sig|Shd)Pnd:\t([0-9a-f]+)$/gm)]
  return masks.some(([, mask]) => (BigInt(`0x${mask}`) & SIGKILL_BIT) !== 0n)
}

function readStatus(pid: number): string {
  return readFileSync(`/proc/${pid}/status`, 'latin1')
}
