import { existsSync, mkdirSync, rmdirSync, writeFileSync } from 'node:fs'
import path from 'node:path'
import { onTestFinished } from 'vitest'
import { openCgroupTree, subfolders } from '../../src/engine/runsc/cgroup-tree.ts'

/**
 * For startService(): a cgroup around the manager and its sandboxes, as a container or a small machine
 * would be. Processes in it see the limit as the manager's own.
 */
export function inSmallMachine(bytes: number): string[] {
  const script = 'echo 0 >"$1/cgroup.procs"; shift; exec "$@"'
  return ['sh', '-ec', script, 'sh', smallMachine(bytes)]
}

function smallMachine(bytes: number): string {
  const tree = openCgroupTree()
  const name = `small-${process.pid}`
  if (tree.version === 2) {
    const folder = path.join(path.dirname(tree.folder), name)
    mkdirSync(folder)
    onTestFinished(() => {
      // What the manager in it leaves: the leaf that it was in itself.
      for (const child of subfolders(folder)) rmdirSync(path.join(folder, child))
      rmdirSync(folder)
    })
    writeFileSync(path.join(folder, 'memory.max'), String(bytes))
    writeFileSync(path.join(folder, 'memory.swap.max'), '0')
    return folder
  }
  const folder = `${tree.folders.memory}-${name}`
  mkdirSync(folder)
  onTestFinished(() => rmdirSync(folder))
  writeFileSync(path.join(folder, 'memory.limit_in_bytes'), String(bytes))
  const withSwap = path.join(folder, 'memory.memsw.limit_in_bytes')
  if (existsSync(withSwap)) writeFileSync(withSwap, String(bytes))
  return folder
}
