import { closeSync, fstatSync, openSync, statSync } from 'node:fs'
import { ManagerError } from '../errors.ts'
import { exec } from './exec.ts'

export type LockMode = 'shared' | 'exclusive'

/** What flock(1) exits with when somebody else holds a lock that conflicts. */
const CONFLICT = 1

/**
 * A lock on a file or folder, by flock(2). It is a property of the open file: the kernel gives it up
 * when this process ends, however it ends, and it is seen from other containers and pid namespaces on
 * the same machine, where a pid in a file says nothing.
 */
export class FileLock {
  readonly path: string
  #fd: number | null

  private constructor(path: string, fd: number) {
    this.path = path
    this.#fd = fd
  }

  /**
   * Takes the lock if it can be had. flock(1) does it, on a descriptor that it shares with this
   * process; so the lock stays when flock(1) ends.
   * @param mode any number may hold it `shared`, only one and nobody beside it `exclusive`
   * @param waitSeconds how long to wait while somebody else holds it
   * @returns null when somebody else holds it, or when there is nothing at the path (any more)
   * @throws ManagerError SETUP_FAILED when flock(1) does not work; the system's error when the path
   *   cannot be opened for another reason
   */
  static async take(path: string, mode: LockMode, waitSeconds = 0): Promise<FileLock | null> {
    const fd = openOrNull(path)
    if (fd === null) return null
    let taken = false
    try {
      const command = ['flock', `--wait=${waitSeconds}`, `--${mode}`, '3']
      const { exitCode, failure } = await exec(command, { descriptors: [fd] })
      if (failure !== null && exitCode !== CONFLICT) throw new Error(`flock: ${failure}`)
      // Between opening and locking it may have been removed, or replaced.
      taken = failure === null && isSameFile(fd, path)
    } catch (cause) {
      throw new ManagerError(
        'SETUP_FAILED',
        `${path} cannot be locked (${(cause as Error).message}): install util-linux, and keep the data folder on a file system that has locks.`,
        { cause },
      )
    } finally {
      if (!taken) closeSync(fd)
    }
    return taken ? new FileLock(path, fd) : null
  }

  /** Gives the lock up. May be called again. */
  release(): void {
    if (this.#fd !== null) closeSync(this.#fd)
    this.#fd = null
  }
}

function openOrNull(path: string): number | null {
  try {
    return openSync(path, 'r')
  } catch (error) {
    if ((error as NodeJS.ErrnoException).code === 'ENOENT') return null
    throw error
  }
}

function isSameFile(fd: number, path: string): boolean {
  try {
    const [held, named] = [fstatSync(fd), statSync(path)]
    return held.ino === named.ino && held.dev === named.dev
  } catch {
    return false
  }
}
