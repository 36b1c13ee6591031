import { setTimeout as sleep } from 'node:timers/promises'
import { expect, test } from 'vitest'
import { useManager } from '../support/manager.ts'

/**
 * The manager runs in this process, so a test can keep its thread busy. However late it is, a program
 * that kept to its limits is never told that it did not.
 */
const WALL_MS = 3000
const client = useManager({ limits: { wallTimeMs: WALL_MS } })

function block(ms: number): void {
  Atomics.wait(new Int32Array(new SharedArrayBuffer(4)), 0, 0, ms)
}

test.each([
  [
    'python',
    'import time\ndef main():\n  time.sleep(0.3)\n  for i in range(2000): print("x" * 200)\n  return 1',
  ],
  [
    'nodejs',
    'async function main() {\n  await new Promise((r) => setTimeout(r, 300))\n  for (let i = 0; i < 2000; i++) console.log("x".repeat(200))\n  return 1\n}',
  ],
])(
  '%s: a short program is a success though nobody read its output in time',
  async (language, code) => {
    const running = client.run(language, code)
    // It has its task, and prints more than a pipe holds while nobody reads.
    await sleep(200)
    block(2 * WALL_MS)
    const answer = await running
    expect(answer).toMatchObject({ status: 'success', result: { value: 1 } })
    expect(answer.stdout).toHaveLength(2000 * 201)
  },
)

test('a program that does not end is over its time limit all the same', async () => {
  const running = client.run('python', 'def main():\n  print(1)\n  while True: pass')
  await sleep(200)
  block(2 * WALL_MS)
  expect(await running).toMatchObject({
    status: 'resource_limit_exceeded',
    resource_limit_type: 'time',
    partial_stdout: '1\n',
  })
})
