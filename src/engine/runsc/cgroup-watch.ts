import { watch } from 'node:fs'

/**
 * Watches a file by inotify, which is how the kernel reports a change of memory.events (cgroup-v2.rst).
 * @returns a function that ends the watch; null when no watch is free (fs.inotify.max_user_watches, descriptors)
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
