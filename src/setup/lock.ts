/** One set-up at a time: two builders in one folder would tear each other's work down. */
import { closeSync, openSync } from 'node:fs'
import { FileLock } from '../lib/file-lock.ts'
import type { Progress } from '../lib/progress.ts'

/** So often it is said again that the set-up waits. */
const WAIT_SECONDS = 10

/**
 * Waits for the lock, runs `work`, gives it up. The file stays: who removed it would let a third one in
 * beside somebody who waits for the old file.
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
