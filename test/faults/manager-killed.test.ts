import { readFileSync } from 'node:fs'
import { expect, test } from 'vitest'
import { startService } from '../support/service.ts'
import { NO_TRACES, tracesOf, until } from '../support/traces.ts'
import { Load } from './load.ts'

/** The manager dies at a random moment of its work; the next one finds what it left. */
test('kill -9 of the manager under load, three times: each start sweeps and serves', async () => {
  let service = await startService({ SANDBOX_EXECUTOR_MANAGER_POOL_SIZE: '2' })
  for (let time = 0; time < 3; time++) {
    const load = new Load(service)
    await until(() => load.counts.right >= 3)
    await new Promise((resolve) => setTimeout(resolve, Math.random() * 500))
    const killed = service
    killed.kill('SIGKILL')
    expect(await killed.ended()).toBe('SIGKILL')
    await load.stop()
    expect(load.wrong).toEqual([])
    expect(load.counts).toMatchObject({ internal: 0, died: 0 })

    service = await startService({ SANDBOX_EXECUTOR_MANAGER_POOL_SIZE: '2' })
    await until(() => tracesOf(killed.pid).processes.length === 0)
    expect(tracesOf(killed.pid)).toEqual(NO_TRACES)
  }
  const load = new Load(service)
  await until(() => load.counts.right >= 3)
  await load.stop()
  expect(load.counts).toMatchObject({ wrong: 0, closed: 0, refused: 0, internal: 0, died: 0 })
  service.kill('SIGTERM')
  expect(await service.ended()).toBe(0)
  expect(tracesOf(service.pid)).toEqual(NO_TRACES)
})

/** As `docker kill` does it: the kernel ends a pid namespace only when all of its processes are dead. */
test('kill -9 of pid 1 of a container, with executors that wait: its sandboxes end with it', async () => {
  const inContainer = ['unshare', '--pid', '--fork', '--kill-child=KILL', '--mount-proc']
  const killed = await startService({}, inContainer)
  expect((await killed.client.run('bash', 'echo here')).stdout).toBe('here\n')
  process.kill(childOf(killed.pid), 'SIGKILL')
  await killed.ended()

  // Its mark, 1-<start time>, is of another pid namespace; this start finds its locks free.
  const next = await startService({}, inContainer)
  expect((await next.client.run('bash', 'echo again')).stdout).toBe('again\n')
  process.kill(childOf(next.pid), 'SIGTERM')
  expect(await next.ended()).toBe(0)
  expect(tracesOf(1)).toEqual(NO_TRACES)
})

/** Pid 1 of the namespace, whose parent is the unshare that waits for it. */
function childOf(pid: number): number {
  return Number(readFileSync(`/proc/${pid}/task/${pid}/children`, 'utf8').split(' ')[0])
}
