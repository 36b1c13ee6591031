import { type ChildProcess, spawn } from 'node:child_process'
import { expect, onTestFinished, test } from 'vitest'
import { untilAsleep } from '../../src/engine/runsc/sleep-watch.ts'

/** Whose process is asleep, by the kernel's own account. */
const sleeping = () => start('sleep', '600')

test('a sandbox whose threads all sleep is found so', async () => {
  const ids = [sleeping(), sleeping()].map(({ pid }) => pid as number)
  expect(await untilAsleep(() => ids)).toBe(true)
})

test('one that has ended has nobody awake', async () => {
  expect(await untilAsleep(() => [])).toBe(true)
})

test.each([
  ['runs', () => start('sh', '-c', 'while :; do :; done').pid as number],
  // No process has an id that large (PID_MAX_LIMIT is 2^22).
  ['cannot be read', () => 9_999_999],
])('a thread that %s is waited for', async (_, awakeThread) => {
  const asleep = sleeping().pid as number
  let ids = [asleep, awakeThread()]
  let looks = 0
  const found = await untilAsleep(() => {
    looks++
    const now = ids
    if (looks === 5) ids = [asleep]
    return now
  })
  expect(found).toBe(true)
  // Five in vain, and two in a row.
  expect(looks).toBeGreaterThanOrEqual(7)
})

test('threads that cannot be told count as awake', async () => {
  let looks = 0
  const found = await untilAsleep(() => {
    if (++looks < 3) throw new Error('no descriptor')
    return []
  })
  expect(found).toBe(true)
  expect(looks).toBe(4)
})

function start(file: string, ...args: string[]): ChildProcess {
  const child = spawn(file, args, { stdio: 'ignore' })
  onTestFinished(() => void child.kill('SIGKILL'))
  return child
}
