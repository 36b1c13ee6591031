import { expect, test } from 'vitest'
import { startService } from '../support/service.ts'
import { executorsOf, NO_TRACES, runscProcesses, tracesOf, until } from '../support/traces.ts'
import { Load } from './load.ts'

const KILLS = 25
const SUICIDE =
  'import os\ndef main():\n  os.kill(1, 9)\n  os.kill(os.getppid(), 9)\n  return "alive"'

/** Processes of sandboxes die at random moments: made, waiting, running, being removed. */
test('kill -9 of random sandbox processes under load', async () => {
  const service = await startService({ SANDBOX_EXECUTOR_MANAGER_POOL_SIZE: '2' })
  const load = new Load(service)
  for (let killed = 0; killed < KILLS; ) {
    await new Promise((resolve) => setTimeout(resolve, Math.random() * 100))
    const all = runscProcesses(service.pid)
    const victim = all[Math.floor(Math.random() * all.length)]
    if (!victim) continue
    try {
      process.kill(victim.pid, 'SIGKILL')
      killed++
    } catch {
      // Gone between the two calls.
    }
  }
  const before = load.counts.right
  await until(() => load.counts.right >= before + 3)
  await load.stop()
  expect(load.wrong).toEqual([])
  expect(load.counts).toMatchObject({ closed: 0, refused: 0, internal: 0 })
  await expectClean(service)
})

test('programs that kill their supervisor, under load: nobody else notices', async () => {
  const service = await startService({ SANDBOX_EXECUTOR_MANAGER_POOL_SIZE: '2' })
  const load = new Load(service, 2)
  for (let time = 0; time < 5; time++) {
    const answer = await service.client.run('python', SUICIDE)
    // The kernel of the guest may spare its pid 1; then the program goes on, and says so.
    if (answer.status === 'success') expect(answer.result?.value).toBe('alive')
    else expect(answer).toMatchObject({ result: null, artifacts: [] })
  }
  await load.stop()
  expect(load.wrong).toEqual([])
  expect(load.counts).toMatchObject({ closed: 0, refused: 0, internal: 0, died: 0 })
  await expectClean(service)
})

async function expectClean(service: Awaited<ReturnType<typeof startService>>): Promise<void> {
  const { pid } = service
  // Executors and cgroups are one for one again, but for the owner's own.
  await until(() => {
    const folders = new Set(tracesOf(pid).cgroups.map((cgroup) => cgroup.split('/').at(-1)))
    return folders.size === executorsOf(pid).length + 1
  })
  expect((await service.client.run('python', 'def main(): return 1')).result?.value).toBe(1)
  service.kill('SIGTERM')
  expect(await service.ended()).toBe(0)
  expect(tracesOf(pid)).toEqual(NO_TRACES)
}
