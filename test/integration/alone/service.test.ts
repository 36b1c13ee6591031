import { once } from 'node:events'
import { connect } from 'node:net'
import { describe, expect, test } from 'vitest'
import { poolCounts } from '../../support/footprint.ts'
import { sample } from '../../support/sample.ts'
import {
  launchService,
  type Service,
  startService,
  withoutVariants,
} from '../../support/service.ts'
import { executorsOf, NO_TRACES, tracesOf, until } from '../../support/traces.ts'

sample(3)

/** The service as a process: how it starts, ends, and cleans up after one that was killed. */

const sleeping = (seconds: number) =>
  `import time\ndef main():\n  time.sleep(${seconds})\n  return "done"`

/** A run, told in two parts: that it has begun, and how it ended. */
function startRun(service: Service, seconds = 2) {
  const before = executorsOf(service.pid)
  const end = service.client.run('python', sleeping(seconds)).catch((error: Error) => error)
  const begun = until(() => executorsOf(service.pid).some((id) => !before.includes(id)))
  return { begun, end }
}

/** Waits until each pool has its one executor. */
function untilFull({ client, pid }: Service): Promise<void> {
  return until(async () => {
    const pools = Object.keys(await poolCounts(client))
    return executorsOf(pid).length === pools.length
  })
}

/** Whether a new caller is turned away, be it by an answer or by a closed port. */
async function refuses({ client }: Service): Promise<boolean> {
  try {
    return (await fetch(`${client.url}/healthz`)).status === 503
  } catch {
    return true
  }
}

describe('SIGTERM', () => {
  test('lets a run finish, refuses new ones, leaves nothing behind', async () => {
    const service = await startService(withoutVariants())
    await untilFull(service)
    expect(tracesOf(service.pid).cgroups).not.toEqual([])
    expect(tracesOf(service.pid).folders).toHaveLength(1)
    const answer = startRun(service)
    await answer.begun
    service.kill('SIGTERM')
    await until(() => refuses(service))
    expect(await answer.end).toMatchObject({ status: 'success', result: { value: 'done' } })
    expect(await service.ended()).toBe(0)
    expect(tracesOf(service.pid)).toEqual(NO_TRACES)
  })

  test.each(['SIGTERM', 'SIGINT'] as const)('%s when nothing runs ends it', async (signal) => {
    const service = await startService(withoutVariants())
    service.kill(signal)
    expect(await service.ended()).toBe(0)
    expect(tracesOf(service.pid)).toEqual(NO_TRACES)
  })

  test('a second one does not wait for what runs', async () => {
    const service = await startService({ ...withoutVariants(), SANDBOX_TIMEOUT: '9s' })
    const answer = startRun(service, 8)
    await answer.begun
    service.kill('SIGTERM')
    await until(() => refuses(service))
    // One that comes at once is taken for the first, sent on by npm or by a terminal.
    const again = setInterval(() => service.kill('SIGTERM'), 200)
    expect(await service.ended().finally(() => clearInterval(again))).toBe(0)
    // Its code has begun, so it is not answered 5xx: that would have it sent, and executed, once more.
    expect(await answer.end).toMatchObject({ status: 'program_runner_error' })
    expect(tracesOf(service.pid)).toEqual(NO_TRACES)
  })

  test('is not held up by a connection that never ends its request', async () => {
    const service = await startService(withoutVariants())
    const socket = connect(Number(new URL(service.client.url).port), '127.0.0.1')
    socket.on('error', () => {})
    await once(socket, 'connect')
    socket.write('POST /run HTTP/1.1\r\nHost: x\r\nContent-Type: application/json\r\n')
    socket.write('Content-Length: 1000\r\n\r\n{')
    service.kill('SIGTERM')
    expect(await service.ended()).toBe(0)
    socket.destroy()
  })
})

describe('after kill -9', () => {
  test('the next start removes what is left; a living manager is left alone', async () => {
    const living = await startService(withoutVariants())
    const killed = await startService(withoutVariants())
    await Promise.all([living, killed].map(untilFull))
    await startRun(killed).begun
    killed.kill('SIGKILL')
    await killed.ended()
    expect(tracesOf(killed.pid).cgroups).not.toEqual([])
    expect(tracesOf(killed.pid).folders).toHaveLength(1)

    const executors = executorsOf(living.pid)
    const next = await startService(withoutVariants())
    expect(next.output()).toContain('removed what an earlier manager left')
    await until(() => tracesOf(killed.pid).processes.length === 0)
    expect(tracesOf(killed.pid)).toEqual(NO_TRACES)
    expect(executorsOf(living.pid)).toEqual(executors)
    for (const { client } of [living, next]) {
      expect((await client.run('python', 'def main(): return 1')).result?.value).toBe(1)
    }
    for (const service of [living, next]) {
      service.kill('SIGTERM')
      expect(await service.ended()).toBe(0)
      expect(tracesOf(service.pid)).toEqual(NO_TRACES)
    }
  })
})

describe('a start that cannot be', () => {
  test.each([
    ['SANDBOX_TIMEOUT', 'soon'],
    ['SANDBOX_MAX_MEMORY', '1k'],
    ['SANDBOX_EXECUTOR_MANAGER_PORT', '99999'],
    ['SANDBOX_EXECUTOR_MANAGER_POOL_SIZE', '0'],
  ])('%s=%s: one sentence that names the variable', async (name, value) => {
    const service = launchService({ [name]: value })
    expect(await service.ended()).toBe(1)
    const line = service.output().trim().split('\n').at(-1)
    expect(line).toMatch(/^executor-manager: /)
    expect(line).toContain(`${name}=${value}`)
    expect(tracesOf(service.pid)).toEqual(NO_TRACES)
  })

  test('a port in use: it is named, nothing is left', async () => {
    const first = await startService(withoutVariants())
    const { port } = new URL(first.client.url)
    const second = launchService({ SANDBOX_EXECUTOR_MANAGER_PORT: port })
    expect(await second.ended()).toBe(1)
    expect(second.output()).toContain(port)
    expect(tracesOf(second.pid)).toEqual(NO_TRACES)
  })
})
