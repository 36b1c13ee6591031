/** One set-up at a time: two builders in one folder would tear each other's work down. */
import { linkSync, readFileSync, renameSync, rmSync, writeFileSync } from 'node:fs'
import { setTimeout as sleep } from 'node:timers/promises'
import type { Progress } from './progress.ts'

const POLL_MS = 500

/** Waits for the lock, runs `work`, releases it. A dead holder's lock is taken over. */
export async function withSetupLock<T>(
  lockFile: string,
  progress: Progress,
  work: () => Promise<T>,
): Promise<T> {
  const mine = holderMark(process.pid)
  while (!tryLock(lockFile, mine)) {
    const holder = readHolder(lockFile)
    if (holder === undefined) continue
    if (isAlive(holder)) {
      progress(`waiting for the set-up that process ${holder.split(' ')[0]} runs`)
      await sleep(POLL_MS)
    } else {
      removeStale(lockFile, holder)
    }
  }
  try {
    return await work()
  } finally {
    releaseLock(lockFile)
  }
}

/** Removes the lock if it is this process's. Synchronous: also the last act of a signal handler. */
export function releaseLock(lockFile: string): void {
  if (readHolder(lockFile) === holderMark(process.pid)) rmSync(lockFile, { force: true })
}

/** The lock appears with its content in one step, so nobody ever reads a half-written one. */
function tryLock(lockFile: string, mine: string): boolean {
  const draft = `${lockFile}.${process.pid}`
  writeFileSync(draft, mine)
  try {
    linkSync(draft, lockFile)
    return true
  } catch (error) {
    if ((error as NodeJS.ErrnoException).code === 'EEXIST') return false
    throw error
  } finally {
    rmSync(draft, { force: true })
  }
}

/** Moves the lock aside first: if another process has just taken it over, it gets it back. */
function removeStale(lockFile: string, stale: string): void {
  const aside = `${lockFile}.stale-${process.pid}`
  try {
    renameSync(lockFile, aside)
  } catch {
    return
  }
  try {
    if (readHolder(aside) !== stale) linkSync(aside, lockFile)
  } catch {
    // Taken again meanwhile: nothing to give back.
  } finally {
    rmSync(aside, { force: true })
  }
}

function readHolder(lockFile: string): string | undefined {
  try {
    return readFileSync(lockFile, 'utf8')
  } catch {
    return undefined
  }
}

function isAlive(holder: string): boolean {
  const pid = Number(holder.split(' ')[0])
  return Number.isInteger(pid) && pid > 0 && holderMark(pid) === holder
}

/** Pid and start time: a pid alone may have been given to another process since. */
function holderMark(pid: number): string {
  try {
    const stat = readFileSync(`/proc/${pid}/stat`, 'utf8')
    // The command's name, in parentheses, may hold spaces; the state is field 3, the start time 22.
    const fields = stat.slice(stat.lastIndexOf(')') + 2).split(' ')
    // A zombie is dead, although nobody has asked for its exit status yet.
    return fields[0] === 'Z' ? '' : `${pid} ${fields[19]}`
  } catch {
    return ''
  }
}
