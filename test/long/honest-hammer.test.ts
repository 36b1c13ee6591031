import { cpus } from 'node:os'
import { Worker } from 'node:worker_threads'
import { expect, onTestFinished, test } from 'vitest'
import { useManager } from '../support/manager.ts'

/**
 * Honest programs by the thousand on a machine that is short of processor time. Executors are frozen and
 * thawed meanwhile, and whatever that interrupts in a sandbox shows as an honest program that crashes.
 * The number of runs is EXECUTOR_MANAGER_HAMMER_RUNS.
 */

const RUNS = Number(process.env.EXECUTOR_MANAGER_HAMMER_RUNS ?? 150)
const CALLERS = 6

const client = useManager({ poolSize: 4, limits: { wallTimeMs: 60_000 }, queueWaitMs: 300_000 })

interface Program {
  readonly language: string
  readonly code: string
  readonly result: (n: number) => unknown
}

const PROGRAMS: readonly Program[] = [
  { language: 'python', code: 'def main(n): return n + 1', result: (n) => n + 1 },
  {
    language: 'python',
    code: `
import subprocess, threading, tempfile, pandas
def main(n):
    seen = []
    threads = [threading.Thread(target=seen.append, args=(i,)) for i in range(8)]
    for thread in threads: thread.start()
    for thread in threads: thread.join()
    with tempfile.TemporaryFile() as file:
        file.write(b"x" * 100_000)
        size = file.tell()
    said = subprocess.run(["echo", str(n)], capture_output=True, text=True).stdout.strip()
    total = int(pandas.DataFrame({"a": range(1000), "b": range(1000)}).sum().sum())
    return [sorted(seen) == list(range(8)), size, said, total]
`,
    result: (n) => [true, 100_000, String(n), 999_000],
  },
  {
    language: 'nodejs',
    code: `const { execFileSync } = require('node:child_process')
async function main({ n }) {
  const parts = await Promise.all([1, 2, 3].map(async (i) => (await fetch('data:,' + i)).text()))
  return [parts.join(''), execFileSync('echo', [String(n)]).toString().trim()]
}`,
    result: (n) => ['123', String(n)],
  },
]

test(`${RUNS} honest programs under load: each gives its answer`, {
  timeout: 600_000 + RUNS * 5000,
}, async () => {
  burnProcessors()
  const wrong: object[] = []
  let next = 0
  await Promise.all(
    Array.from({ length: CALLERS }, async () => {
      while (next < RUNS) {
        const n = next++
        const { language, code, result } = PROGRAMS[n % PROGRAMS.length] as Program
        const answer = await client.run(language, code, { n })
        const isRight = JSON.stringify(answer.result?.value) === JSON.stringify(result(n))
        if (!isRight) wrong.push({ n, ...answer })
      }
    }),
  )
  expect(wrong).toEqual([])
})

/** One busy thread a processor, for as long as the test takes. */
function burnProcessors(): void {
  const workers = cpus().map(() => new Worker('for (;;);', { eval: true }))
  onTestFinished(() => void Promise.all(workers.map((worker) => worker.terminate())))
}
