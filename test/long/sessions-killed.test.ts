import { expect, onTestFinished, test } from 'vitest'
import { scaledMs } from '../../src/lib/time-scale.ts'
import {
  bring,
  callerOf,
  expectNothingLeft,
  expectTruth,
  MOMENTS,
  strike,
  VICTIMS,
} from '../support/killed-sessions.ts'
import { freePort, type Service, startService } from '../support/service.ts'

/** Kills of each test. 100 and more show more: a kill and what is looked at then take some seconds. */
const KILLS = Number(process.env.EXECUTOR_MANAGER_TEST_KILLS ?? MOMENTS.length)
const ENV = {
  SANDBOX_EXECUTOR_MANAGER_POOL_SIZE: '1',
  EXECUTOR_MANAGER_SESSIONS: '50',
  // The sandboxes that are killed are those of the session that is looked at.
  EXECUTOR_MANAGER_READY_SESSIONS: '0',
}
const LIMIT = scaledMs(60_000 + KILLS * 60_000)

/** Runs that go on until the test is over: what is killed is killed under load. */
function load(service: () => Service): void {
  let isOver = false
  const work = async () => {
    while (!isOver) {
      const body = JSON.stringify({
        language: 'bash',
        code: 'i=0; while ((i < 20000)); do ((i++)); done',
      })
      const headers = { 'content-type': 'application/json' }
      const url = `${service().client.url}/v1/runs`
      await fetch(url, { method: 'POST', body, headers }).then(
        (response) => response.text(),
        () => {},
      )
      await new Promise((resolve) => setTimeout(resolve, 100))
    }
  }
  const working = work()
  onTestFinished(() => {
    isOver = true
    return working
  })
}

test(
  `${KILLS} kills of sandboxes in all states: no session lies, and nothing is left`,
  async () => {
    const service = await startService(ENV)
    const call = callerOf(() => service)
    load(() => service)
    const told: Record<string, number> = {}
    for (let time = 0; time < KILLS; time++) {
      const moment = MOMENTS[time % MOMENTS.length] as (typeof MOMENTS)[number]
      const round = Math.floor(time / MOMENTS.length)
      const victim = VICTIMS[(time + round) % VICTIMS.length] as (typeof VICTIMS)[number]
      const target = await bring(call, moment)
      await strike(call, service, target.id, victim)
      const { status, body } = await target.pending
      // Whatever it is, it is an answer.
      expect(status, `${moment}, ${victim}`).toBeGreaterThanOrEqual(200)
      const id = target.id ?? body?.id ?? null
      const state = id ? await expectTruth(call, id, target.isSaved) : `refused ${status}`
      const word = `${moment}, ${victim}: ${status} ${state}`
      told[word] = (told[word] ?? 0) + 1
      await expectNothingLeft(call, service)
    }
    console.log(told)
    service.kill('SIGTERM')
    expect(await service.ended()).toBe(0)
  },
  LIMIT,
)

test(
  `${KILLS} kills of the manager in all states of a session: what was saved is there`,
  async () => {
    const env = { ...ENV, SANDBOX_EXECUTOR_MANAGER_PORT: String(await freePort()) }
    let service = await startService(env)
    const call = callerOf(() => service)
    load(() => service)
    const told: Record<string, number> = {}
    for (let time = 0; time < KILLS; time++) {
      const moment = MOMENTS[time % MOMENTS.length] as (typeof MOMENTS)[number]
      const target = await bring(call, moment)
      service.kill('SIGKILL')
      const { body } = await target.pending
      await service.ended()
      service = await startService(env)
      const { sessions } = (await call('GET', '')).body
      const states = sessions.map(({ state }: { state: string }) => state)
      for (const state of states) expect(['lost', 'hibernated']).toContain(state)
      const id = target.id ?? body?.id ?? null
      const state = id ? await expectTruth(call, id, target.isSaved) : 'not answered'
      const word = `${moment}: ${states.sort().join(' ')}, ${state}`
      told[word] = (told[word] ?? 0) + 1
      // Copies that were being made are whole, or are not there.
      for (const { id: copy } of sessions) {
        if (copy !== id && target.isSaved) await expectTruth(call, copy, true)
      }
      await expectNothingLeft(call, service)
    }
    console.log(told)
    service.kill('SIGTERM')
    expect(await service.ended()).toBe(0)
  },
  LIMIT,
)
