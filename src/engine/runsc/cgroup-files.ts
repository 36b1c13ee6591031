/** The short reads and writes that both cgroup versions are made of. */
import { closeSync, constants, openSync, readFileSync, rmdirSync, writeSync } from 'node:fs'
import path from 'node:path'
import { setTimeout as sleep } from 'node:timers/promises'
import { ManagerError } from '../../errors.ts'

/** Period of the kernel's bandwidth control. A limit in processors is a share of it. */
export const CPU_PERIOD_US = 100_000
const REMOVE_ATTEMPTS = 200
/** How long to wait after a kill that failed for want of a descriptor. */
export const KILL_AGAIN_MS = 50

/**
 * Writes a value into a file of a cgroup.
 * @throws Error of the system
 */
export function write(folder: string, file: string, value: string | number): void {
  const fd = openSync(path.join(folder, file), constants.O_WRONLY)
  try {
    writeSync(fd, String(value))
  } finally {
    closeSync(fd)
  }
}

/** Reads a file. A cgroup that is gone reads as 0: a stop may remove it while a run reads its counters. */
function read(folder: string, file: string): string {
  try {
    return readFileSync(path.join(folder, file), 'utf8')
  } catch (error) {
    if (isGone(error)) return '0'
    throw error
  }
}

function isGone(error: unknown): boolean {
  const { code } = error as NodeJS.ErrnoException
  return code === 'ENOENT' || code === 'ENODEV'
}

/** Reads a file that holds one number; 0 when the cgroup is gone. */
export function readNumber(folder: string, file: string): number {
  return Number(read(folder, file))
}

/** Reads the number of one key from lines `key number`; 0 when it is not there. */
export function readKey(folder: string, file: string, key: string): number {
  return keyedNumber(key, read(folder, file))
}

/** Reads the numbers of some keys at once; 0 for a key that is not there. */
export function readKeys<K extends string>(
  folder: string,
  file: string,
  keys: readonly K[],
): Record<K, number> {
  const text = read(folder, file)
  return Object.fromEntries(keys.map((key) => [key, keyedNumber(key, text)])) as Record<K, number>
}

function keyedNumber(key: string, text: string): number {
  const match = new RegExp(`^${key} (\\d+)$`, 'm').exec(text)
  return match ? Number(match[1]) : 0
}

/** Reads ids of processes or threads, one a line; 0 stands for one of another pid namespace. */
export function readIds(folder: string, file: string): number[] {
  return readFileSync(path.join(folder, file), 'utf8').split('\n').filter(Boolean).map(Number)
}

/**
 * Sends a signal to every process in a cgroup folder.
 * @returns their ids; 0 stands for a process of another pid namespace, which cannot be reached
 * @throws Error when the processes cannot be read, such as for want of a descriptor; then none was signalled
 */
export function signalAll(folder: string, signal: NodeJS.Signals): number[] {
  let pids: number[]
  try {
    pids = readIds(folder, 'cgroup.procs')
  } catch (error) {
    if (isGone(error)) return []
    throw error
  }
  for (const pid of pids) {
    try {
      // kill(0) would be our own group.
      if (pid > 0) process.kill(pid, signal)
    } catch {
      // Gone between the two calls.
    }
  }
  return pids
}

/**
 * Stops every process in a cgroup folder, also those that are started meanwhile.
 * @throws Error when the processes cannot be read
 */
export function stopAll(folder: string): void {
  // A process with a signal pending starts no other, so two equal looks have seen them all.
  for (let seen = ''; ; ) {
    const pids = signalAll(folder, 'SIGSTOP').join()
    if (pids === seen) return
    seen = pids
  }
}

/**
 * Kills the processes and removes the folders, again and again until nothing is left.
 * @param kill sends SIGKILL to what is in the cgroup and returns how many there were
 * @throws ManagerError ENGINE_FAILED after 200 attempts, about 9 s
 */
export async function removeAll(kill: () => number, folders: readonly string[]): Promise<void> {
  for (let attempt = 0; ; attempt++) {
    const alive = await untilDone(kill)
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

/** Retries until kill() succeeds: when it throws, no process has been signalled. */
async function untilDone(kill: () => number): Promise<number> {
  for (;;) {
    try {
      return kill()
    } catch {
      await sleep(KILL_AGAIN_MS)
    }
  }
}

/** Removes an empty cgroup folder. Returns whether it is gone now. */
export function removeFolder(folder: string): boolean {
  try {
    rmdirSync(folder)
    return true
  } catch (error) {
    return (error as NodeJS.ErrnoException).code === 'ENOENT'
  }
}
