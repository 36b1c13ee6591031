import { readFileSync } from 'node:fs'
import path from 'node:path'
import { expect, test } from 'vitest'
import { subfolders } from '../../src/engine/runsc/cgroup-tree.ts'
import { useManager } from '../support/manager.ts'
import { cgroupTrees } from '../support/traces.ts'
import type { HostileProgram } from './program.ts'

const BACKSTOP = 64 + 4 * 64

function mostTasks(): number {
  const folders = cgroupTrees().flatMap((tree) =>
    subfolders(tree)
      .filter((owner) => owner.startsWith(`${process.pid}-`))
      .flatMap((owner) =>
        subfolders(path.join(tree, owner)).map((name) => path.join(tree, owner, name)),
      ),
  )
  return Math.max(
    0,
    ...folders.map((folder) => {
      try {
        return Number(readFileSync(path.join(folder, 'pids.current'), 'utf8'))
      } catch {
        return 0 // Another controller's, or gone.
      }
    }),
  )
}

/**
 * Defines a test for each program that starts tasks without end: the guest's own limit ends it, and the
 * host's limit of tasks, which counts sentry, gofer and the stubs of all guest processes, is the backstop
 * behind it. To be called once in a file.
 */
export function testTaskBombs(programs: readonly HostileProgram[]): void {
  const client = useManager({ poolSize: 2, limits: { wallTimeMs: 2000 } })
  const bombs = programs.filter(({ name }) => /bomb-.*(fork|thread|process|exec)/.test(name))

  test.each(bombs)('$name stays below the backstop', async ({ language, code }) => {
    let most = 0
    const look = setInterval(() => {
      most = Math.max(most, mostTasks())
    }, 10)
    await client.run(language, code)
    clearInterval(look)
    expect(most).toBeGreaterThan(20)
    expect(most).toBeLessThan(BACKSTOP)
  })
}
