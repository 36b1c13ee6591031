import { readFileSync } from 'node:fs'
import { setTimeout as sleep } from 'node:timers/promises'
import { scaledMs } from '../../lib/time-scale.ts'

/** Between two looks. A thread that was about to wake at the first one runs at the second one. */
const BETWEEN_LOOKS_MS = 2
const PATIENCE_MS = scaledMs(10_000)
/** Asleep until something happens, stopped by a tracer, idle, or ended (proc_pid_stat(5)). */
const ASLEEP = 'StTIZX'

/**
 * Waits until all threads of a sandbox sleep, seen in two looks in a row. A freeze interrupts the system
 * calls of threads that do not: where that is the call by which the sentry answers a guest thread (a seccomp
 * notification), the guest's call fails and its program may crash later. A thread that cannot be read counts
 * as awake.
 * @param threads returns the ids of the sandbox's threads
 * @returns false when they did not all sleep within 10 s
 */
export async function untilAsleep(threads: () => readonly number[]): Promise<boolean> {
  const endsMs = performance.now() + PATIENCE_MS
  let looks = 0
  while (looks < 2 && performance.now() < endsMs) {
    looks = areAsleep(threads) ? looks + 1 : 0
    if (looks < 2) await sleep(BETWEEN_LOOKS_MS)
  }
  return looks === 2
}

function areAsleep(threads: () => readonly number[]): boolean {
  try {
    return threads().every((thread) => ASLEEP.includes(stateOf(thread)))
  } catch {
    return false
  }
}

/** @throws when there is no such thread any more, or no descriptor to read with */
function stateOf(thread: number): string {
  const stat = readFileSync(`/proc/${thread}/stat`, 'latin1')
  // After the name, which may hold anything.
  return stat[stat.lastIndexOf(')') + 2] as string
}
