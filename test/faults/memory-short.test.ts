import { readFileSync } from 'node:fs'
import { expect, test } from 'vitest'
import { MIB } from '../../src/lib/units.ts'
import { startService } from '../support/service.ts'
import { inSmallMachine } from '../support/small-machine.ts'
import { NO_TRACES, runscProcesses, tracesOf, until } from '../support/traces.ts'
import { Load } from './load.ts'

const HUNGRY = 'def main(n):\n  x = b"x" * (200 << 20)\n  print(n)\n  return n * 2'

/**
 * A machine with too little memory for what its runs may take, as far as manager and sandboxes can
 * tell: a cgroup around them all.
 */
test('too little memory for the runs of the moment', async () => {
  // Where memory is short everything takes its time.
  const settings = { EXECUTOR_MANAGER_QUEUE_WAIT: '2s', SANDBOX_TIMEOUT: '30s' }
  const service = await startService(settings, inSmallMachine(400 * MIB))
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
