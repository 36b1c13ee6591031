import { expect, test } from 'vitest'
import { scaledMs } from '../../../src/lib/time-scale.ts'
import { ExecutorCgroup } from '../../support/cgroups.ts'
import { isAtRest } from '../../support/footprint.ts'
import { useManager } from '../../support/manager.ts'
import { sample } from '../../support/sample.ts'
import { executorsOf, until } from '../../support/traces.ts'

sample(2)

/** Executors are frozen while they wait, and thawed for the one run that they get. */

const SIZE = 2
const CALLERS = 20
/** Under load the pools grow; they shrink when nobody has asked for a while. */
const client = useManager({
  runtimes: ['python', 'nodejs'],
  poolSize: SIZE,
  limits: { wallTimeMs: 20_000 },
})

const PROGRAMS: readonly (readonly [language: string, code: string])[] = [
  ['python', 'def main(n):\n  print("caller", n)\n  return n'],
  ['nodejs', 'async function main({ n }) {\n  console.log("caller", n)\n  return n\n}'],
]

const groups = () => executorsOf(process.pid).map((id) => new ExecutorCgroup(process.pid, id))

test('many more callers than executors: each gets its own answer, then all are frozen', {
  timeout: scaledMs(180_000),
}, async () => {
  const answers = await Promise.all(
    Array.from({ length: CALLERS }, (_, n) => {
      const [language, code] = PROGRAMS[n % PROGRAMS.length] as (typeof PROGRAMS)[number]
      return client.run(language, code, { n })
    }),
  )
  for (const [n, answer] of answers.entries()) {
    expect(answer).toMatchObject({
      status: 'success',
      stdout: `caller ${n}\n`,
      result: { present: true, value: n },
    })
  }
  await expectFrozen()
})

test('so they are after runs that end badly, one of them with a caller that hung up', async () => {
  const endless = 'def main():\n  while True: pass'
  const gone = new AbortController()
  const body = { code_b64: Buffer.from(endless).toString('base64'), language: 'python' }
  const hungUp = client.post(JSON.stringify(body), { signal: gone.signal }).catch(() => null)
  await until(() => groups().some((cgroup) => !cgroup.isFrozen))
  gone.abort()
  expect(await hungUp).toBeNull()
  const answers = await Promise.all([
    client.run('python', 'def main(): raise ValueError("no")'),
    client.run('python', 'import os\ndef main(): os.kill(os.getpid(), 9)'),
    client.run('nodejs', 'function main() { process.abort() }'),
    client.run('python', 'def main(): return bytearray(10 ** 9)'),
  ])
  expect(answers.map(({ status }) => status)).toEqual([
    'program_error',
    'runtime_error',
    'runtime_error',
    'resource_limit_exceeded',
  ])
  await expectFrozen()
})

/** Every executor is frozen, and not by name only: no processor time goes to any of them. */
async function expectFrozen(): Promise<void> {
  await until(() => isAtRest(client, process.pid, SIZE))
  await until(() => groups().every((cgroup) => cgroup.isFrozen))
  const cgroups = groups()
  expect(cgroups.length).toBeGreaterThanOrEqual(2 * SIZE)
  const clocks = () => cgroups.map((cgroup) => cgroup.cpuTimeNs)
  const before = clocks()
  expect(before.every((time) => time > 0)).toBe(true)
  // Work for others goes on meanwhile, and enough of it to see a clock move that is not stopped.
  const other = process.cpuUsage().user
  await until(async () => {
    await (await fetch(`${client.url}/metrics`)).text()
    return process.cpuUsage().user > other + 300_000
  })
  const after = clocks()
  // A pool that has grown gives up what it has too much of, at any time.
  const left = cgroups.flatMap((cgroup, at) => (cgroup.exists ? [at] : []))
  expect(left.length).toBeGreaterThanOrEqual(2 * SIZE)
  expect(left.map((at) => after[at])).toEqual(left.map((at) => before[at]))
  expect(left.every((at) => cgroups[at]?.isFrozen)).toBe(true)
}
