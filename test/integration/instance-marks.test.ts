import { type ChildProcess, spawn } from 'node:child_process'
import { existsSync, mkdirSync, readFileSync, rmSync } from 'node:fs'
import path from 'node:path'
import { setTimeout as sleep } from 'node:timers/promises'
import { beforeAll, expect, onTestFinished, test } from 'vitest'
import { findInstalledNode, isNewEnough } from '../../scripts/node.mjs'
import { type CgroupTree, openCgroupTree, treeFolders } from '../../src/engine/runsc/cgroup-tree.ts'
import { claimOwnership, dropOwnership, sweepLeftovers } from '../../src/engine/runsc/owner.ts'
import { FileLock } from '../../src/lib/file-lock.ts'
import { RUN_ROOT, until } from '../support/traces.ts'

/** Marks on real cgroups. Managers that cannot see each other's processes share cgroupfs and /run. */

/** One that runs TypeScript. */
const NODE = isNewEnough(process.versions.node) ? process.execPath : (findInstalledNode() as string)

let tree: CgroupTree

beforeAll(() => {
  tree = openCgroupTree()
})

const failures: Error[] = []
const sweep = () => sweepLeftovers(tree, (error) => failures.push(error))
const cgroupsOf = (name: string) => treeFolders(tree).map((folder) => path.join(folder, name))
const there = (name: string) => [path.join(RUN_ROOT, name), ...cgroupsOf(name)].filter(existsSync)

test('a manager of another pid namespace is left alone while it lives, and swept when it is gone', async () => {
  const other = await startElsewhere()
  const all = 1 + treeFolders(tree).length
  expect(there(other.name)).toHaveLength(all)
  const executor = path.join(cgroupsOf(other.name)[0] as string, 'python-1', 'cgroup.procs')
  expect(readFileSync(executor, 'utf8')).not.toBe('')
  await sweep()
  expect(there(other.name)).toHaveLength(all)
  expect(readFileSync(executor, 'utf8')).not.toBe('')
  other.process.kill('SIGKILL')
  // The kernel ends the namespace in its own time, and the lock with it.
  await until(async () => {
    await sweep()
    return there(other.name).length === 0
  })
  expect(failures).toEqual([])
})

test('the mark of this process is left alone, and gone when it is dropped', async () => {
  const owner = await claimOwnership(tree)
  await sweep()
  expect(there(owner.name)).toHaveLength(1 + treeFolders(tree).length)
  await dropOwnership(owner, tree)
  expect(there(owner.name)).toEqual([])
})

test('a name that another manager holds is not taken', async () => {
  const first = await claimOwnership(tree)
  const second = await claimOwnership(tree)
  expect(second.name).not.toBe(first.name)
  await dropOwnership(second, tree)
  expect(there(first.name)).toHaveLength(1 + treeFolders(tree).length)
  await dropOwnership(first, tree)
})

test('what somebody else removes at this moment is left to them', async () => {
  // No process has this id.
  const name = '9999999-7'
  const folder = path.join(RUN_ROOT, name)
  mkdirSync(folder, { recursive: true })
  onTestFinished(() => rmSync(folder, { recursive: true, force: true }))
  const lock = await FileLock.take(folder, 'exclusive')
  await sweep()
  expect(existsSync(folder)).toBe(true)
  lock?.release()
  await sweep()
  expect(existsSync(folder)).toBe(false)
})

/** A manager in a pid namespace of its own, with the cgroups and the /run of this one. */
async function startElsewhere(): Promise<{ name: string; process: ChildProcess }> {
  const words = ['--pid', '--fork', '--kill-child=KILL', '--mount-proc', NODE]
  const script = new URL('../support/claim-and-wait.ts', import.meta.url).pathname
  const child = spawn('unshare', [...words, script], { stdio: ['ignore', 'pipe', 'pipe'] })
  onTestFinished(() => void child.kill('SIGKILL'))
  let output = ''
  for (const stream of [child.stdout, child.stderr]) {
    stream.on('data', (chunk: Buffer) => {
      output += chunk.toString()
    })
  }
  for (;;) {
    const name = /claimed (\S+)/.exec(output)?.[1]
    if (name) return { name, process: child }
    if (child.exitCode !== null) throw new Error(`ended with ${child.exitCode}: ${output}`)
    await sleep(20)
  }
}
