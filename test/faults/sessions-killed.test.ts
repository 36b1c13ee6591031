import { expect, onTestFinished, test } from 'vitest'
import { freePort, type Service, startService } from '../support/service.ts'
import { runscProcesses, until } from '../support/traces.ts'

/** Kills in all; 100 show more than a suite has time for. */
const KILLS = Number(process.env.EXECUTOR_MANAGER_TEST_KILLS ?? 8)
const ENV = { SANDBOX_EXECUTOR_MANAGER_POOL_SIZE: '1', EXECUTOR_MANAGER_SESSIONS: '50' }

interface Told {
  readonly id: string
  readonly state: string
  readonly checkpoint: { readonly created_at: string } | null
}

async function call(service: Service, method: string, path: string, body?: object) {
  const init: RequestInit = { method }
  if (body) {
    init.body = JSON.stringify(body)
    init.headers = { 'content-type': 'application/json' }
  }
  const response = await fetch(`${service.client.url}/v1/sessions${path}`, init)
  const text = await response.text()
  return { status: response.status, body: text === '' ? null : JSON.parse(text) }
}

async function say(service: Service, id: string, command: string): Promise<string> {
  const { body } = await call(service, 'POST', `/${id}/commands`, { command })
  if (body.status !== 'succeeded') throw new Error(JSON.stringify(body))
  return body.stdout
}

/** What a caller knows of one of its sessions. */
interface Known {
  readonly id: string
  /** What its file held when pause was last answered; null: it has never been. */
  saved: number | null
  /** The last count that a command has answered. */
  last: number
}

/** Uses sessions at random until the service dies. */
async function useThem(service: Service, known: Known[], until: () => boolean): Promise<void> {
  while (!until()) {
    try {
      const one = known[Math.floor(Math.random() * known.length)] as Known
      const chance = Math.random()
      if (chance < 0.4) {
        // It may have gone there whether or not the answer comes.
        const { body } = await call(service, 'POST', `/${one.id}/pause`)
        if (body.state === 'hibernated') one.saved = one.last
      } else {
        const next = one.last + 1
        const said = await say(service, one.id, `echo ${next} > count; sync; cat count`)
        expect(said).toBe(`${next}\n`)
        one.last = next
      }
    } catch (error) {
      if (!(error instanceof TypeError)) throw error
      return
    }
  }
}

test(`kill -9 of the manager ${KILLS} times: every session says what became of it`, async () => {
  const port = String(await freePort())
  const env = { ...ENV, SANDBOX_EXECUTOR_MANAGER_PORT: port }
  let service = await startService(env)
  const states: Record<string, number> = {}
  for (let time = 0; time < KILLS; time++) {
    const known: Known[] = []
    const idle = { freeze_ms: 200, hibernate_ms: 1500 }
    for (let i = 0; i < 4; i++) {
      const { body } = await call(service, 'POST', '', { template: 'bash', idle })
      known.push({ id: body.id, saved: null, last: 0 })
    }
    let isOver = false
    // Each session has a user of its own: what it answers is in order.
    const users = known.map((one) => useThem(service, [one], () => isOver))
    await new Promise((resolve) => setTimeout(resolve, Math.random() * 3000))
    service.kill('SIGKILL')
    isOver = true
    await Promise.all(users)
    await service.ended()
    service = await startService(env)
    for (const one of known) {
      const { status, body } = await call(service, 'GET', `/${one.id}`)
      expect(status).toBe(200)
      const told = body as Told
      states[told.state] = (states[told.state] ?? 0) + 1
      expect(['lost', 'hibernated']).toContain(told.state)
      if (told.state === 'hibernated') {
        // All that was answered is there.
        expect(Number(await say(service, one.id, 'cat count || echo 0'))).toBeGreaterThanOrEqual(
          one.last,
        )
      } else {
        expect(
          (await call(service, 'POST', `/${one.id}/commands`, { command: 'true' })).status,
        ).toBe(409)
        const back = await call(service, 'POST', `/${one.id}/resume`, { from: 'checkpoint' })
        expect(back.status).toBe(told.checkpoint === null ? 409 : 200)
        if (told.checkpoint) {
          expect(Number(await say(service, one.id, 'cat count || echo 0'))).toBeGreaterThanOrEqual(
            one.saved ?? 0,
          )
        } else expect(one.saved).toBeNull()
      }
      expect((await call(service, 'DELETE', `/${one.id}`)).status).toBe(204)
    }
  }
  console.log(states)
  service.kill('SIGTERM')
  expect(await service.ended()).toBe(0)
})

test('kill -9 of a sandbox and of its supervisor in each state in memory', async () => {
  const service = await startService({ ...ENV })
  for (const isSaved of [false, true]) {
    for (const way of ['ready', 'busy', 'frozen', 'frozen and used'] as const) {
      const state = way === 'frozen and used' ? 'frozen' : way
      const idle = { freeze_ms: state === 'frozen' ? 0 : null, hibernate_ms: null }
      const { id } = (await call(service, 'POST', '', { template: 'bash', idle })).body
      onTestFinished(async () => void (await call(service, 'DELETE', `/${id}`).catch(() => {})))
      if (isSaved) {
        expect((await call(service, 'POST', `/${id}/pause`)).body.state).toBe('hibernated')
        await call(service, 'POST', `/${id}/resume`)
      }
      const long =
        state === 'busy' ? call(service, 'POST', `/${id}/commands`, { command: 'sleep 600' }) : null
      const stateOf = async () => (await call(service, 'GET', `/${id}`)).body.state
      await until(async () => (await stateOf()) === state)
      const theirs = runscProcesses(service.pid).filter(({ command }) =>
        command.includes('/session-bash-'),
      )
      expect(theirs).not.toEqual([])
      for (const { pid } of theirs) process.kill(pid, 'SIGKILL')
      // With cgroup v1 a frozen process dies when it is thawed: the first use, and each look, finds that before.
      if (way === 'frozen and used') {
        const found = await call(service, 'POST', `/${id}/commands`, { command: 'true' })
        expect(found.status).toBe(isSaved ? 409 : 410)
        if (isSaved) expect(found.body.detail).toMatch(/Its last checkpoint is of \d{4}-/)
      }
      await until(async () => (await stateOf()) === (isSaved ? 'lost' : 'dead'))
      // The command may not have been started yet.
      if (long) expect(['lost', 410]).toContain((await long).body.status)
      const answer = await call(service, 'POST', `/${id}/commands`, { command: 'true' })
      expect(answer.status).toBe(isSaved ? 409 : 410)
      await call(service, 'DELETE', `/${id}`)
    }
  }
  service.kill('SIGTERM')
  expect(await service.ended()).toBe(0)
})
