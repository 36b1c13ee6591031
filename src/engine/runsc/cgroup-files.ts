/** The short reads and writes that both cgroup versions are made of. */
import { closeSync, constants, openSync, readFileSync, rmdirSync, writeSync } from 'node:fs'
import path from 'node:path'
import { setTimeout as sleep } from 'node:timers/promises'
import { ManagerError } from '../../errors.ts'

/** Of the processor's bandwidth control; a limit in cpus is a share of it. */
export const CPU_PERIOD_US = 100_000
const REMOVE_ATTEMPTS = 200
/** After a kill for which there was no descriptor. */
export const KILL_AGAIN_MS = 50

export function write(folder: string, file: string, value: string | number): void {
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
    if (isGone(error)) return '0'
    throw error
  }
}

function isGone(error: unknown): boolean {
  const { code } = error as NodeJS.ErrnoException
  return code === 'ENOENT' || code === 'ENODEV'
}

export function readNumber(folder: string, file: string): number {
  return Number(read(folder, file))
}

export function readKey(folder: string, file: string, key: string): number {
  return keyedNumber(key, read(folder, file))
}

/** The values of some keys in one read; 0 for a key that is not there. */
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

/** Of a list of processes or threads, one a line; 0 stands for one of another pid namespace. */
export function readIds(folder: string, file: string): number[] {
  return readFileSync(path.join(folder, file), 'utf8').split('\n').filter(Boolean).map(Number)
}

/** @throws when who is there cannot be read, as for want of a descriptor: nobody was killed then */
export function killAll(folder: string): number {
  let pids: string[]
  try {
    pids = readFileSync(path.join(folder, 'cgroup.procs'), 'utf8').split('\n').filter(Boolean)
  } catch (error) {
    if (isGone(error)) return 0
    throw error
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

/**
 * Kills and removes until nothing is left.
 * @param kill SIGKILLs what is in the cgroup and says how many there were
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

/** However long that takes: who is there may have been killed by nobody. */
async function untilDone(kill: () => number): Promise<number> {
  for (;;) {
    try {
      return kill()
    } catch {
      await sleep(KILL_AGAIN_MS)
    }
  }
}

export function removeFolder(folder: string): boolean {
  try {
    rmdirSync(folder)
    return true
  } catch (error) {
    return (error as NodeJS.ErrnoException).code === 'ENOENT'
  }
}
