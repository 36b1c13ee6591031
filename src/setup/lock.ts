/** Lets one set-up at a time work on a data folder. */
import { closeSync, openSync } from 'node:fs'
import { FileLock } from '../lib/file-lock.ts'
import type { Progress } from '../lib/progress.ts'

/** How often the message that the set-up waits is repeated. */
const WAIT_SECONDS = 10

/**
 * Waits for the lock, runs `work` and releases the lock. The file stays: were it removed, a third process
 * could lock a new file while a second one waits for the old one.
 */
export async function withSetupLock<T>(
  lockFile: string,
  progress: Progress,
  work: () => Promise<T>,
): Promise<T> {
  closeSync(openSync(lockFile, 'a'))
  let lock = await FileLock.take(lockFile, 'exclusive')
  while (!lock) {
    progress('waiting for another set-up to end')
    lock = await FileLock.take(lockFile, 'exclusive', WAIT_SECONDS)
  }
  try {
    return await work()
  } finally {
    lock.release()
  }
}
