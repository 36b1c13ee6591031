import { expect, onTestFinished, test } from 'vitest'
import { readConfig } from '../../../src/config.ts'
import { MIB } from '../../../src/lib/units.ts'
import { Client } from '../../support/client.ts'
import { openManager } from '../../support/manager.ts'
import { sample } from '../../support/sample.ts'
import { startService } from '../../support/service.ts'
import { inSmallMachine } from '../../support/small-machine.ts'

sample(2)

/** Machines that hold few executors: the start comes to an end, and each language gets its turn. */

const PROGRAMS = [
  ['python', 'def main(): return 1'],
  ['nodejs', 'function main() { return 1 }'],
  ['bash', 'echo 1'],
] as const

/** Two runs of each language at once. */
async function expectAllServed(client: Client): Promise<void> {
  const runs = [...PROGRAMS, ...PROGRAMS].map(([language, code]) => client.run(language, code))
  const statuses = (await Promise.all(runs)).map(({ status }) => status)
  expect(statuses).toEqual(PROGRAMS.flatMap(() => ['success', 'success']))
}

test.each([
  ['fewer places than languages', { maxExecutors: 2 }],
  ['the sizes of a machine with 1 GiB and 1 processor', sizesOf(1, 1024 * MIB)],
])('%s', async (_name, sizes) => {
  const manager = await openManager(sizes)
  onTestFinished(() => manager.stop())
  const client = new Client()
  client.url = await manager.start()
  await expectAllServed(client)
})

function sizesOf(cores: number, memoryBytes: number) {
  const { poolSize, maxExecutors, leanExecutors, parallelBoots } = readConfig({}, [], {
    cores,
    memoryBytes,
  })
  return { poolSize, maxExecutors, leanExecutors, parallelBoots }
}

test('the service itself in a cgroup of 1 GiB', async () => {
  const service = await startService(
    // The size of its pools is its own choice.
    { SANDBOX_EXECUTOR_MANAGER_POOL_SIZE: '', EXECUTOR_MANAGER_QUEUE_WAIT: '60s' },
    inSmallMachine(1024 * MIB),
  )
  await expectAllServed(service.client)
  service.kill('SIGTERM')
  expect(await service.ended()).toBe(0)
})
