import { closeSync, fstatSync, openSync, statSync } from 'node:fs'
import { ManagerError } from '../errors.ts'
import { exec } from './exec.ts'

export type LockMode = 'shared' | 'exclusive'

/** Exit code of flock(1) when another process holds a lock that conflicts. */
const CONFLICT = 1

/**
 * A lock on a file or folder, by flock(2). It belongs to the open file: the kernel releases it when this process
 * ends, and other containers and pid namespaces on the same machine see it. A pid in a file would say nothing
 * there.
 */
export class FileLock {
  readonly path: string
  #fd: number | null

  private constructor(path: string, fd: number) {
    this.path = path
    this.#fd = fd
  }

  /**
   * Tries to take the lock. flock(1) takes it on a descriptor that it shares with this process, so the lock stays
   * when flock(1) ends.
   * @param mode `shared`: any number of processes may hold it; `exclusive`: only one, and none beside it
   * @param waitSeconds how long to wait while another process holds it
   * @returns null when another process holds it, or when there is nothing at the path
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

  /** Releases the lock. May be called again. */
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
