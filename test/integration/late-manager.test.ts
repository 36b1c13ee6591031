import { setTimeout as sleep } from 'node:timers/promises'
import { beforeAll, expect, test } from 'vitest'
import type { Answer } from '../support/client.ts'
import { useManager } from '../support/manager.ts'

/**
 * The manager runs in this process, so a test can keep its thread busy. However late it is, a program
 * that kept to its limits is never told that it did not.
 */
const WALL_MS = 3000
const client = useManager({
  runtimes: ['python', 'nodejs'],
  poolSize: 2,
  limits: { wallTimeMs: WALL_MS },
})

const PROGRAMS: Record<string, readonly [language: string, code: string]> = {
  python: [
    'python',
    'import time\ndef main():\n  time.sleep(0.3)\n  for i in range(2000): print("x" * 200)\n  return 1',
  ],
  nodejs: [
    'nodejs',
    'async function main() {\n  await new Promise((r) => setTimeout(r, 300))\n  for (let i = 0; i < 2000; i++) console.log("x".repeat(200))\n  return 1\n}',
  ],
  endless: ['python', 'def main():\n  print(1)\n  while True: pass'],
}

const answers: Record<string, Answer> = {}

// All of them run while the thread is busy.
beforeAll(async () => {
  const running = Object.entries(PROGRAMS).map(async ([name, [language, code]]) => {
    answers[name] = await client.run(language, code)
  })
  // They have their task, and two print more than a pipe holds while nobody reads.
  await sleep(200)
  block(2 * WALL_MS)
  await Promise.all(running)
})

function block(ms: number): void {
  Atomics.wait(new Int32Array(new SharedArrayBuffer(4)), 0, 0, ms)
}

test.each(['python', 'nodejs'])(
  '%s: a short program is a success though nobody read its output in time',
  (name) => {
    expect(answers[name]).toMatchObject({ status: 'success', result: { value: 1 } })
    expect(answers[name]?.stdout).toHaveLength(2000 * 201)
  },
)

test('a program that does not end is over its time limit all the same', () => {
  expect(answers.endless).toMatchObject({
    status: 'resource_limit_exceeded',
    resource_limit_type: 'time',
    partial_stdout: '1\n',
  })
})
