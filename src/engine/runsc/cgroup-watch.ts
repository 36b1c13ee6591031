import { watch } from 'node:fs'

/**
 * Watches a file by inotify; the kernel reports a change of memory.events so (cgroup-v2.rst).
 * @returns ends the watch; null when none can be had (fs.inotify.max_user_watches, descriptors)
 */
export function watchFile(file: string, changed: () => void): (() => void) | null {
  try {
    const watcher = watch(file, { persistent: false }, changed)
    watcher.on('error', () => watcher.close())
    return () => watcher.close()
  } catch {
    return null
  }
}
