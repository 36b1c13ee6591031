import { availableParallelism } from 'node:os'
import { setTimeout as sleep } from 'node:timers/promises'
import { afterEach, beforeEach, expect, test } from 'vitest'
import { scaledMs } from '../../src/lib/time-scale.ts'
import { poolCounts } from '../support/footprint.ts'
import { type Service, startService } from '../support/service.ts'
import { Caller } from './caller.ts'
import { until } from './raw.ts'

/**
 * Processor time that one caller burns, and another caller's small runs beside it. The times are ratios
 * to what the same runs take alone, with wide margins: the machine may be busy with other things.
 */

const LOOP = 'def main():\n  while True: pass'
const SMALL = 'def main(): return 1'
const HONEST = '127.0.0.9'
const HONEST_RUNS = 8

let service: Service
let isOver: boolean
let loops: Promise<void>[]

beforeEach(async () => {
  isOver = false
  loops = []
  service = await startService({
    SANDBOX_EXECUTOR_MANAGER_POOL_SIZE: '2',
    SANDBOX_TIMEOUT: `${scaledMs(10_000)}ms`,
    EXECUTOR_MANAGER_QUEUE_WAIT: `${scaledMs(30_000)}ms`,
  })
})

afterEach(async () => {
  isOver = true
  service.kill('SIGKILL')
  await Promise.all(loops)
})

test('as many endless loops as processors: an honest caller is served between them', async () => {
  const alone = await honestTimes()
  await loopForEver(availableParallelism())
  const beside = await honestTimes()
  // With 1 % of a loop's weight an executor took seconds to make, whatever it takes alone.
  expect(median(beside)).toBeLessThan(20 * median(alone) + scaledMs(1500))
})

test('ten times as many: nobody is refused, and no snapshot is thrown away', async () => {
  await loopForEver(10 * availableParallelism())
  // All are answered rightly, or the helper throws.
  expect(await honestTimes()).toHaveLength(HONEST_RUNS)
  expect(service.output()).not.toContain('restore failed')
})

/** Connections of one caller that send loops, and again as soon as one ends. */
async function loopForEver(count: number): Promise<void> {
  const caller = new Caller(service.client.url, '127.0.0.1')
  const loop = async () => {
    while (!isOver) {
      const answer = await caller.run(LOOP)
      // Who is turned away does not come back in the same moment.
      if (answer?.resource_limit_type !== 'time') await sleep(100)
    }
  }
  loops = Array.from({ length: count }, loop)
  const leased = async () => {
    const pools = Object.values(await poolCounts(service.client))
    return pools.reduce((sum, states) => sum + (states.leased ?? 0), 0)
  }
  await until(async () => (await leased()) >= availableParallelism())
}

/** What small runs take, one after the other; each has to be answered rightly. */
async function honestTimes(): Promise<number[]> {
  const caller = new Caller(service.client.url, HONEST)
  const times: number[] = []
  while (times.length < HONEST_RUNS) {
    const started = performance.now()
    expect(await caller.run(SMALL)).toMatchObject({ status: 'success', result: { value: 1 } })
    times.push(performance.now() - started)
    await sleep(100)
  }
  return times
}

function median(times: readonly number[]): number {
  return [...times].sort((a, b) => a - b)[Math.floor(times.length / 2)] as number
}
