import { expect, test } from 'vitest'
import { FirstExecutors } from '../../src/pool/first-executors.ts'

test('ends when each runtime has had one; others do not count', async () => {
  const first = new FirstExecutors()
  first.expect('python')
  first.expect('bash')
  const waiting = first.wait(60_000)
  first.ready('lean-python')
  first.ready('bash')
  first.failed('python', new Error('no luck'))
  first.ready('python')
  await waiting
  await first.wait(0)
})

test('names what is missing, and why', async () => {
  const first = new FirstExecutors()
  for (const name of ['bash', 'nodejs', 'python']) first.expect(name)
  first.failed('python', new Error('memory ran out'))
  first.ready('bash')
  await expect(first.wait(1)).rejects.toMatchObject({
    code: 'SETUP_FAILED',
    message: expect.stringMatching(
      /for nodejs, python \(last: memory ran out\): .*EXECUTOR_MANAGER_START_TIMEOUT/,
    ),
  })
})
