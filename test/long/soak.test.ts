import { readFileSync } from 'node:fs'
import { expect, test } from 'vitest'
import { readConfig } from '../../src/config.ts'
import { base64 } from '../support/client.ts'
import {
  descriptorsOf,
  isAtRest,
  mountsOf,
  runFiles,
  strayChildrenOf,
} from '../support/footprint.ts'
import { type Service, startService } from '../support/service.ts'
import { executorsOf, NO_TRACES, tracesOf, until } from '../support/traces.ts'

/** Many runs of all kinds on one manager, after which it holds no more than it did before them. */

const RUNS = Number(process.env.EXECUTOR_MANAGER_SOAK_RUNS ?? 120)
/** Until then pools, connections and the heap find their size. */
const WARM_UP = Math.floor(RUNS / 3)
const SIZE = 2
/** Three languages, and the lean executors of one. */
const POOLS = 4
const CALLERS = 4
/** A heap that was just collected still differs by some pages from one time to the next. */
const MEMORY_SLACK_MIB = 24

/** Has the manager collect its garbage at SIGUSR2, so that what is left is held by something. */
const COLLECT_ON_SIGNAL = `--import data:text/javascript,${encodeURIComponent(
  `import v8 from 'node:v8'; import vm from 'node:vm';
  v8.setFlagsFromString('--expose-gc');
  const collect = vm.runInNewContext('gc');
  process.on('SIGUSR2', () => collect())`,
)}`

interface Kind {
  readonly language: string
  readonly code: string
  /** The status of its answer; none when the caller hangs up. */
  readonly status: string | null
}

const OFTEN: readonly Kind[] = [
  { language: 'python', code: 'def main(n): return n', status: 'success' },
  { language: 'nodejs', code: 'function main({ n }) { return n }', status: 'success' },
  {
    language: 'python',
    code: 'def main(n):\n  open("artifacts/n.csv", "w").write("1," * 50_000)\n  return n',
    status: 'success',
  },
  { language: 'python', code: 'def main(n): raise ValueError(n)', status: 'program_error' },
  { language: 'nodejs', code: 'function main({ n }) { throw Error(n) }', status: 'program_error' },
  { language: 'nodejs', code: 'function main() { process.abort() }', status: 'runtime_error' },
  { language: 'python', code: 'import time\ndef main(n): time.sleep(1)', status: null },
  { language: 'bash', code: 'jq .n arguments.json', status: 'success' },
]
const SELDOM: readonly Kind[] = [
  {
    language: 'python',
    code: 'def main(n):\n  while True: pass',
    status: 'resource_limit_exceeded',
  },
  { language: 'nodejs', code: 'function main() { for (;;); }', status: 'resource_limit_exceeded' },
  {
    language: 'python',
    code: 'def main(n): return bytearray(10 ** 9)',
    status: 'resource_limit_exceeded',
  },
  {
    language: 'nodejs',
    code: 'function main() { console.log("x".repeat(2 ** 22)) }',
    status: 'resource_limit_exceeded',
  },
]
/** One run in so many is of the kinds that take long. */
const SELDOM_EVERY = 20

function kindOf(n: number): Kind {
  const isSeldom = n % SELDOM_EVERY === 0
  const kinds = isSeldom ? SELDOM : OFTEN
  return kinds[(isSeldom ? n / SELDOM_EVERY : n) % kinds.length] as Kind
}

test(`${RUNS} runs: the manager holds as much early as late`, {
  timeout: 180_000 + RUNS * 1000,
}, async () => {
  const service = await startService({
    SANDBOX_EXECUTOR_MANAGER_POOL_SIZE: String(SIZE),
    SANDBOX_TIMEOUT: '2s',
    SANDBOX_MAX_MEMORY: '128m',
    EXECUTOR_MANAGER_QUEUE_WAIT: '60s',
    NODE_OPTIONS: COLLECT_ON_SIGNAL,
  })
  await runAll(service, 0, WARM_UP)
  const early = await measure(service)
  await runAll(service, WARM_UP, RUNS)
  const late = await measure(service)
  console.log(`after ${WARM_UP} runs`, early, `after ${RUNS} runs`, late)

  const number = expect.any(Number)
  expect(late).toEqual({ ...early, memoryMiB: number, descriptors: number })
  expect(late.memoryMiB).toBeLessThan(early.memoryMiB + MEMORY_SLACK_MIB)
  // Connections that callers keep open come on top.
  expect(late.descriptors).toBeLessThanOrEqual(early.descriptors + CALLERS)

  service.kill('SIGTERM')
  expect(await service.ended()).toBe(0)
  expect(tracesOf(service.pid)).toEqual(NO_TRACES)
})

/** Runs with these numbers, by so many callers at a time. */
async function runAll(service: Service, from: number, to: number): Promise<void> {
  let next = from
  await Promise.all(
    Array.from({ length: CALLERS }, async () => {
      while (next < to) await runOne(service, next++)
    }),
  )
}

async function runOne({ client }: Service, n: number): Promise<void> {
  const { language, code, status } = kindOf(n)
  if (status !== null) {
    const answer = await client.run(language, code, { n })
    expect({ n, language, status: answer.status }).toEqual({ n, language, status })
    return
  }
  const body = JSON.stringify({ language, code_b64: base64(code), arguments: { n } })
  const answer = client.post(body, { signal: AbortSignal.timeout(n % 100) })
  await expect(answer).rejects.toThrow()
}

async function measure({ client, pid }: Service) {
  // Pools that grew under load shrink when nobody has asked for a while.
  await until(
    async () => (await isAtRest(client, pid, SIZE)) && executorsOf(pid).length === POOLS * SIZE,
  )
  for (let time = 0; time < 3; time++) {
    process.kill(pid, 'SIGUSR2')
    await (await fetch(`${client.url}/healthz`)).text()
  }
  const { cgroups } = tracesOf(pid)
  const { home } = readConfig({ EXECUTOR_MANAGER_HOME: process.env.EXECUTOR_MANAGER_HOME })
  return {
    memoryMiB: residentMiB(pid),
    descriptors: descriptorsOf(pid).length,
    children: strayChildrenOf(pid).length,
    cgroups: cgroups.length,
    mounts: mountsOf(pid, home).length,
    files: runFiles(pid).length,
  }
}

function residentMiB(pid: number): number {
  const [, kib] = /^VmRSS:\s+(\d+) kB$/m.exec(readFileSync(`/proc/${pid}/status`, 'utf8')) ?? []
  return Math.round(Number(kib) / 1024)
}
