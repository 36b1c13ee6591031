import { execFileSync } from 'node:child_process'
import { readdirSync } from 'node:fs'
import { expect, test } from 'vitest'
import { type Service, startService } from '../support/service.ts'
import { NO_TRACES, tracesOf, until } from '../support/traces.ts'
import { Load } from './load.ts'

test('a crowd larger than the descriptors: some are turned away, the others are served', async () => {
  // The least that runsc itself can live with is 320.
  const limited = ['sh', '-c', 'ulimit -n 512; exec "$@"', 'sh']
  const service = await startService({ EXECUTOR_MANAGER_QUEUE_WAIT: '2s' }, limited)
  const crowd = new Load(service, 600)
  await until(() => crowd.counts.closed > 0 && crowd.counts.right >= 3)
  await crowd.stop()
  expect(crowd.wrong).toEqual([])
  expect(crowd.counts).toMatchObject({ internal: 0, died: 0 })
  await servesAgain(service)
})

test('no descriptors left from one moment to the next: it lives on, and serves again', async () => {
  const service = await startService({
    EXECUTOR_MANAGER_QUEUE_WAIT: '1s',
    EXECUTOR_MANAGER_LOG_LEVEL: 'fatal',
  })
  leaveFree(service.pid, 40)
  const crowd = new Load(service, 150)
  await until(() => crowd.counts.busy + crowd.counts.internal >= 10)
  await crowd.stop()
  expect(crowd.wrong).toEqual([])
  await servesAgain(service)
})

/**
 * Set once it serves, as loading its modules takes more of them than it ever needs later. Only the
 * soft limit: runsc raises its own to the hard one.
 */
function leaveFree(pid: number, count: number): void {
  const most = readdirSync(`/proc/${pid}/fd`).length + count
  execFileSync('prlimit', ['--pid', String(pid), `--nofile=${most}:`])
}

async function servesAgain(service: Service): Promise<void> {
  const few = new Load(service, 1)
  await until(() => few.counts.right >= 2)
  await few.stop()
  expect(few.wrong).toEqual([])
  service.kill('SIGTERM')
  expect(await service.ended()).toBe(0)
  expect(tracesOf(service.pid)).toEqual(NO_TRACES)
}
