import { setTimeout as sleep } from 'node:timers/promises'
import { expect } from 'vitest'
import type { Service } from './service.ts'
import { runscProcesses, until } from './traces.ts'

/** In which state of a session something is killed. */
export const MOMENTS = [
  'creating',
  'running',
  'idle',
  'frozen',
  'hibernating',
  'hibernated',
  'waking',
  'forking',
] as const
export type Moment = (typeof MOMENTS)[number]

/** What is killed: processes of the sandbox on the host, or its first process inside. */
export const VICTIMS = ['sentry', 'gofer', 'all of runsc', 'supervisor'] as const
export type Victim = (typeof VICTIMS)[number]

interface Answer {
  readonly status: number
  // biome-ignore lint/suspicious/noExplicitAny: a test says what it expects
  readonly body: any
}

/** Calls of `/v1/sessions` whose answer is read; a service that dies meanwhile is status 0. */
export function callerOf(service: () => Service) {
  return async (method: string, path: string, body?: object): Promise<Answer> => {
    const init: RequestInit = { method }
    if (body) {
      init.body = JSON.stringify(body)
      init.headers = { 'content-type': 'application/json' }
    }
    try {
      const response = await fetch(`${service().client.url}/v1/sessions${path}`, init)
      const text = await response.text()
      return { status: response.status, body: text === '' ? null : JSON.parse(text) }
    } catch {
      return { status: 0, body: null }
    }
  }
}
type Call = ReturnType<typeof callerOf>

/** A session that is in, or on its way into, a state. */
export interface Target {
  /** Null: its creation was not answered. */
  readonly id: string | null
  /** Whether its file is on disk. */
  readonly isSaved: boolean
  /** What was asked and is not answered yet. */
  readonly pending: Promise<Answer>
}

const NONE = Promise.resolve({ status: 200, body: null })

/** Brings a session of bash with a file into a state, or on the way there, at a random time. */
export async function bring(call: Call, moment: Moment): Promise<Target> {
  const idle = { freeze_ms: moment === 'frozen' ? 0 : null, hibernate_ms: null }
  const creating = call('POST', '', { template: 'bash', idle })
  if (moment === 'creating') {
    await sleep(Math.random() * 300)
    return { id: null, isSaved: false, pending: creating }
  }
  const { id } = (await creating).body
  const said = await call('POST', `/${id}/commands`, { command: 'echo kept > file' })
  expect(said.body.status).toBe('succeeded')
  expect((await call('POST', `/${id}/pause`)).body.state).toBe('hibernated')
  const isAsleep = moment === 'hibernated' || moment === 'waking'
  if (!isAsleep) expect((await call('POST', `/${id}/resume`)).status).toBe(200)
  const target = (pending: Promise<Answer>) => ({ id, isSaved: true, pending })
  if (moment === 'idle' || moment === 'hibernated') return target(NONE)
  if (moment === 'frozen') {
    await until(async () => (await call('GET', `/${id}`)).body.state === 'frozen')
    return target(NONE)
  }
  const asked = {
    running: () => call('POST', `/${id}/runs`, { code: 'sleep 600' }),
    hibernating: () => call('POST', `/${id}/pause`),
    waking: () => call('POST', `/${id}/resume`),
    forking: () => call('POST', `/${id}/fork`, { count: 2 }),
  }[moment]
  const pending = asked()
  await sleep(Math.random() * 400)
  return target(pending)
}

/** Kills something of the sandboxes of sessions, where there is something. */
export async function strike(
  call: Call,
  { pid }: Service,
  id: string | null,
  victim: Victim,
): Promise<void> {
  if (victim === 'supervisor') {
    // It is answered once the sandbox has ended by it; one that sleeps is woken for it.
    if (id) await call('POST', `/${id}/commands`, { command: 'kill -9 1' })
    return
  }
  const words = { sentry: ' boot ', gofer: ' gofer ', 'all of runsc': '' }[victim]
  for (const { pid: one, command } of runscProcesses(pid)) {
    if (!command.includes('/session-bash-') || !command.includes(words)) continue
    try {
      process.kill(one, 'SIGKILL')
    } catch {
      // Gone between the two calls.
    }
  }
}

const MOVING = ['creating', 'hibernating', 'waking']

/**
 * Asserts that a session says what it is, in the end, and that what was saved of it is there.
 * @returns the state that it said
 */
export async function expectTruth(call: Call, id: string, isSaved: boolean): Promise<string> {
  let told = await call('GET', `/${id}`)
  await until(async () => {
    told = await call('GET', `/${id}`)
    // A sandbox that was killed is noticed a moment later.
    return told.status === 404 || !MOVING.includes(told.body.state)
  })
  const use = () => call('POST', `/${id}/commands`, { command: 'cat file || echo none' })
  let first = await use()
  // A kill that came after the last look makes the use fail once; what it fails with is true then.
  // One that was killed while it woke is on disk still, and wakes again.
  if (first.body?.status === 'lost' || first.status === 503) first = await use()
  if (first.status === 200) {
    expect(first.body.stdout).toBe(isSaved ? 'kept\n' : 'none\n')
    return told.body?.state ?? 'gone'
  }
  if (!isSaved) {
    expect([404, 409, 410]).toContain(first.status)
    return first.status === 409 ? 'lost' : 'dead'
  }
  expect(first, JSON.stringify(first.body)).toMatchObject({ status: 409 })
  expect(first.body.type).toBe('/problems/session-lost')
  expect(first.body.detail).toMatch(/Its last checkpoint is of \d{4}-/)
  expect((await call('GET', `/${id}`)).body).toMatchObject({ state: 'lost' })
  expect((await call('POST', `/${id}/resume`, { from: 'checkpoint' })).status).toBe(200)
  expect((await use()).body.stdout).toBe('kept\n')
  return 'lost'
}

/** Deletes all sessions, and asserts that nothing of them is left on this machine. */
export async function expectNothingLeft(call: Call, service: Service): Promise<void> {
  for (const { id } of (await call('GET', '')).body.sessions) await call('DELETE', `/${id}`)
  expect((await call('GET', '')).body.sessions).toEqual([])
  await until(() =>
    runscProcesses(service.pid).every(({ command }) => !command.includes('/session-bash-')),
  )
}
