import { expect, onTestFinished, test } from 'vitest'
import { useManager } from '../support/manager.ts'

const client = useManager({ runtimes: ['python', 'nodejs', 'bash'], sessionsPerCaller: 12 })

async function call(method: string, path: string, body?: object) {
  const init: RequestInit = { method }
  if (body) {
    init.body = JSON.stringify(body)
    init.headers = { 'content-type': 'application/json' }
  }
  const response = await fetch(`${client.url}/v1/${path}`, init)
  const text = await response.text()
  return { status: response.status, body: text === '' ? null : JSON.parse(text) }
}

async function create(body: object): Promise<string> {
  const made = await call('POST', 'sessions', body)
  expect(made.status).toBe(201)
  removeLater(made.body.id)
  return made.body.id
}
const removeLater = (id: string) =>
  onTestFinished(async () => void (await call('DELETE', `sessions/${id}`)))

const run = async (id: string, code: string, members: object = {}) => {
  const { body } = await call('POST', `sessions/${id}/runs`, { code, ...members })
  expect(body, JSON.stringify(body)).toMatchObject({ status: 'succeeded' })
  return body.stdout as string
}

const BEGINNINGS = {
  python: 'import random, numpy, uuid, os; kept = [random.random(), numpy.random.random()]',
  nodejs: 'var kept = [Math.random(), crypto.randomUUID(), require("crypto").randomInt(9)]',
  bash: 'kept=$RANDOM',
}
const DRAWS = {
  python:
    'print(random.random(), numpy.random.random(), numpy.random.default_rng().random(), uuid.uuid4(), os.urandom(4).hex(), kept[0] > 0)',
  nodejs:
    'console.log(Math.random(), crypto.randomUUID(), require("crypto").randomBytes(8).toString("hex"), require("crypto").randomInt(2 ** 47), kept.length)',
  bash: 'echo $RANDOM$RANDOM$RANDOM $RANDOM$RANDOM$RANDOM kept',
}

test.each(['python', 'nodejs', 'bash'] as const)(
  'copies of a %s session have its variables and files, and randomness of their own',
  async (template) => {
    const id = await create({ template })
    await run(id, BEGINNINGS[template])
    await call('PUT', `sessions/${id}/files/note`)
    const { status, body } = await call('POST', `sessions/${id}/fork`, { count: 3 })
    expect(status).toBe(201)
    const copies = body.sessions.map((one: { id: string }) => one.id) as string[]
    for (const copy of copies) removeLater(copy)
    expect(new Set([id, ...copies]).size).toBe(4)
    const said = await Promise.all([id, ...copies].map((one) => run(one, DRAWS[template])))
    const draws = said.map((line) => line.trim().split(' '))
    const kinds = draws[0]?.length ?? 0
    // The last one is the same in all: what was there before.
    for (let kind = 0; kind < kinds - 1; kind++) {
      expect(new Set(draws.map((draw) => draw[kind])).size).toBe(4)
    }
    for (const copy of copies) {
      expect((await call('GET', `sessions/${copy}/files?depth=1`)).body.entries).toEqual(
        expect.arrayContaining([
          expect.objectContaining({ path: expect.stringContaining('note') }),
        ]),
      )
    }
    // Independent: what one does no other sees.
    await call('DELETE', `sessions/${copies[0]}`)
    await run(copies[1] as string, DRAWS[template])
  },
)

test('a snapshot is what sessions begin from, after the end of its session too', async () => {
  const id = await create({ template: 'python', env: { WORD: 'of the session' } })
  await run(id, 'x = 41; import random')
  const { status, body } = await call('POST', `sessions/${id}/snapshots`)
  expect(status).toBe(201)
  expect(body).toMatchObject({ template: 'python', bytes: expect.any(Number) })
  await run(id, 'x = 0')
  expect((await call('DELETE', `sessions/${id}`)).status).toBe(204)
  expect((await call('GET', 'snapshots')).body.snapshots).toEqual([body])
  const two = [await create({ snapshot: body.id }), await create({ snapshot: body.id })]
  const said = await Promise.all(two.map((one) => run(one, 'print(x + 1, random.random())')))
  for (const line of said) expect(line).toMatch(/^42 /)
  expect(said[0]).not.toBe(said[1])
  expect((await call('DELETE', `snapshots/${body.id}`)).status).toBe(204)
  expect((await call('DELETE', `snapshots/${body.id}`)).status).toBe(404)
  expect((await call('POST', 'sessions', { snapshot: body.id })).status).toBe(400)
  // Sessions that were made from it go on.
  expect((await call('POST', `sessions/${two[0]}/pause`)).body.state).toBe('hibernated')
  expect(await run(two[0] as string, 'print(x)')).toBe('41\n')
})

test('copies count for their caller', async () => {
  const id = await create({ template: 'bash' })
  expect((await call('POST', `sessions/${id}/fork`, { count: 12 })).status).toBe(429)
  expect((await call('POST', `sessions/${id}/fork`, { count: 17 })).status).toBe(400)
  expect((await call('POST', 'sessions/none/fork', {})).status).toBe(404)
})

test('tells its states as events, from a number on', async () => {
  const id = await create({ template: 'bash' })
  const follow = async (after = '0') => {
    const headers = { 'last-event-id': after }
    return fetch(`${client.url}/v1/sessions/${id}/events`, { headers })
  }
  const stream = await follow()
  await call('POST', `sessions/${id}/pause`)
  await call('POST', `sessions/${id}/resume`)
  const later = await follow('2')
  await call('DELETE', `sessions/${id}`)
  const text = await stream.text()
  const states = [...text.matchAll(/"state":"(\w+)"/g)].map(([, state]) => state)
  const whole = 'creating ready hibernating hibernated waking ready busy ready dead'
  expect(states.join(' ')).toBe(whole)
  expect(text).toContain('"why":"paused"')
  const rest = [...(await later.text()).matchAll(/id: (\d+)\n.*\ndata: .*"state":"(\w+)"/g)]
  expect(rest[0]?.slice(1)).toEqual(['3', 'hibernating'])
  expect((await fetch(`${client.url}/v1/sessions/none/events`)).status).toBe(404)
})
