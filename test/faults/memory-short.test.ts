import { existsSync, mkdirSync, readFileSync, rmdirSync, writeFileSync } from 'node:fs'
import path from 'node:path'
import { expect, onTestFinished, test } from 'vitest'
import { openCgroupTree, subfolders } from '../../src/engine/runsc/cgroup-tree.ts'
import { MIB } from '../../src/lib/units.ts'
import { startService } from '../support/service.ts'
import { NO_TRACES, runscProcesses, tracesOf, until } from '../support/traces.ts'
import { Load } from './load.ts'

const HUNGRY = 'def main(n):\n  x = b"x" * (200 << 20)\n  print(n)\n  return n * 2'

/**
 * A machine with too little memory for what its runs may take, as far as manager and sandboxes can
 * tell: a cgroup around them all.
 */
test('too little memory for the runs of the moment', async () => {
  const machine = smallMachine(400 * MIB)
  // Where memory is short everything takes its time.
  const settings = { EXECUTOR_MANAGER_QUEUE_WAIT: '2s', SANDBOX_TIMEOUT: '30s' }
  const inIt = ['sh', '-ec', 'echo 0 >"$1/cgroup.procs"; shift; exec "$@"', 'sh', machine]
  const service = await startService(settings, inIt)
  const load = new Load(service, 4, HUNGRY)
  // Neither the manager nor a verdict on the program: the sandbox goes, and it is our failure.
  await until(() => load.counts.internal >= 2)
  const adjustments = runscProcesses(service.pid).map(({ pid }) => oomScoreAdj(pid))
  expect(new Set(adjustments.filter(Boolean))).toEqual(new Set(['1000']))
  await load.stop()
  expect(load.wrong).toEqual([])
  expect(load.counts).toMatchObject({ closed: 0, refused: 0, died: 0 })
  const modest = new Load(service, 2)
  await until(() => modest.counts.right >= 3)
  await modest.stop()
  expect(modest.wrong).toEqual([])
  service.kill('SIGTERM')
  expect(await service.ended()).toBe(0)
  expect(tracesOf(service.pid)).toEqual(NO_TRACES)
})

function oomScoreAdj(pid: number): string {
  try {
    return readFileSync(`/proc/${pid}/oom_score_adj`, 'utf8').trim()
  } catch {
    return '' // Gone between the two calls.
  }
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
