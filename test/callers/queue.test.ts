import { expect, test } from 'vitest'
import { scaledMs } from '../../src/lib/time-scale.ts'
import { startService } from '../support/service.ts'
import { Caller } from './caller.ts'
import { until } from './raw.ts'

/** The queue that all callers share. */

const QUEUE_LENGTH = 16
const HOSTILE = ['127.0.0.21', '127.0.0.22', '127.0.0.23', '127.0.0.24', '127.0.0.25']
/** More for each than its line may hold: five lines of a quarter fill the queue. */
const CONNECTIONS = 12
const SLEEP = 'import time\ndef main(): time.sleep(2)'

test('callers that fill the queue keep nobody out whose line is empty', async () => {
  const { client } = await startService({
    EXECUTOR_MANAGER_QUEUE_LENGTH: String(QUEUE_LENGTH),
    EXECUTOR_MANAGER_QUEUE_WAIT: `${scaledMs(60_000)}ms`,
  })
  const queued = async () => {
    const text = await (await fetch(`${client.url}/metrics`)).text()
    return Number(/^executor_manager_queued_runs (\d+)$/m.exec(text)?.[1])
  }
  let isOver = false
  let refused = 0
  const flood = HOSTILE.flatMap((address) => {
    const caller = new Caller(client.url, address)
    return Array.from({ length: CONNECTIONS }, async () => {
      while (!isOver) {
        const answer = await caller.run(SLEEP)
        if (answer?.status === 'success') continue
        refused++
        await new Promise((resolve) => setTimeout(resolve, 100))
      }
    })
  })
  await until(async () => (await queued()) >= QUEUE_LENGTH - 2)
  const honest = new Caller(client.url, '127.0.0.200')
  for (let count = 0; count < 4; count++) {
    const answer = await honest.run('def main(): return 1')
    expect(answer).toMatchObject({ status: 'success', result: { value: 1 } })
    expect(await queued()).toBeLessThanOrEqual(QUEUE_LENGTH)
  }
  expect(refused).toBeGreaterThan(0)
  isOver = true
  await Promise.all(flood)
})
