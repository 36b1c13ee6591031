import { readdirSync, readFileSync } from 'node:fs'
import path from 'node:path'
import { expect, test } from 'vitest'
import { scaledMs } from '../../src/lib/time-scale.ts'
import { realHome } from '../faults/own-disk.ts'
import {
  descriptorsOf,
  isAtRest,
  mountsOf,
  runFiles,
  strayChildrenOf,
} from '../support/footprint.ts'
import { callerOf } from '../support/killed-sessions.ts'
import { freePort, type Service, startService } from '../support/service.ts'
import { NO_TRACES, tracesOf, until } from '../support/traces.ts'

/** Sessions that are created and deleted. 10000 show more, and take an hour. */
const SESSIONS = Number(process.env.EXECUTOR_MANAGER_TEST_SESSIONS ?? 120)
/** Until then pools, connections and the heap find their size. */
const WARM_UP = Math.floor(SESSIONS / 3)
const CALLERS = 3
const MEMORY_SLACK_MIB = 24

/** Has the manager collect its garbage at SIGUSR2, so that what is left is held by something. */
const COLLECT_ON_SIGNAL = `--import data:text/javascript,${encodeURIComponent(
  `import v8 from 'node:v8'; import vm from 'node:vm';
  v8.setFlagsFromString('--expose-gc');
  const collect = vm.runInNewContext('gc');
  process.on('SIGUSR2', () => collect())`,
)}`

test(
  `${SESSIONS} sessions come and go: nothing is held for them`,
  async () => {
    const port = String(await freePort())
    const service = await startService({
      SANDBOX_EXECUTOR_MANAGER_PORT: port,
      SANDBOX_EXECUTOR_MANAGER_POOL_SIZE: '1',
      EXECUTOR_MANAGER_READY_SESSIONS: '0',
      NODE_OPTIONS: COLLECT_ON_SIGNAL,
    })
    await comeAndGo(service, WARM_UP)
    const early = await measure(service, port)
    await comeAndGo(service, SESSIONS - WARM_UP)
    const late = await measure(service, port)
    console.log(`after ${WARM_UP}`, early, `after ${SESSIONS}`, late)
    const number = expect.any(Number)
    expect(late).toEqual({ ...early, memoryMiB: number, descriptors: number })
    expect(late.memoryMiB).toBeLessThan(early.memoryMiB + MEMORY_SLACK_MIB)
    // Connections that callers keep open come on top.
    expect(late.descriptors).toBeLessThanOrEqual(early.descriptors + CALLERS)
    service.kill('SIGTERM')
    expect(await service.ended()).toBe(0)
    expect(tracesOf(service.pid)).toEqual(NO_TRACES)
  },
  scaledMs(180_000 + SESSIONS * 5000),
)

/** Each session is used, or sleeps, or is deleted in the middle of either. */
async function comeAndGo(service: Service, count: number): Promise<void> {
  const call = callerOf(() => service)
  const one = async (number: number) => {
    const { status, body } = await call('POST', '', { template: 'bash', metadata: { a: 'b' } })
    expect(status, JSON.stringify(body)).toBe(201)
    const at = `/${body.id}`
    const use = () => call('POST', `${at}/commands`, { command: 'echo fine' })
    if (number % 4 === 1) expect((await use()).body).toMatchObject({ stdout: 'fine\n' })
    if (number % 8 === 2) await call('POST', `${at}/pause`)
    if (number % 8 === 6) {
      await call('POST', `${at}/pause`)
      await call('POST', `${at}/resume`)
    }
    const pending = number % 4 === 3 ? use() : null
    expect((await call('DELETE', at)).status).toBe(204)
    await pending
  }
  let next = 0
  const caller = async () => {
    while (next < count) await one(next++)
  }
  await Promise.all(Array.from({ length: CALLERS }, caller))
}

async function measure({ client, pid }: Service, port: string) {
  await until(() => isAtRest(client, pid, 1))
  for (let time = 0; time < 3; time++) {
    process.kill(pid, 'SIGUSR2')
    await (await fetch(`${client.url}/healthz`)).text()
  }
  const status = readFileSync(`/proc/${pid}/status`, 'utf8')
  return {
    memoryMiB: Math.round(Number(/^VmRSS:\s+(\d+) kB$/m.exec(status)?.[1]) / 1024),
    descriptors: descriptorsOf(pid).length,
    children: strayChildrenOf(pid).length,
    cgroups: tracesOf(pid).cgroups.length,
    mounts: mountsOf(pid, realHome).length,
    files: runFiles(pid).length,
    sessions: readdirSync(path.join(realHome, 'sessions', port)).length,
  }
}
