import { mkdtempSync, rmSync } from 'node:fs'
import { tmpdir } from 'node:os'
import path from 'node:path'
import { expect, onTestFinished, test } from 'vitest'
import { CapacityLimit } from '../../src/pool/capacity-limit.ts'
import { LocalSessions } from '../../src/sessions/local-sessions.ts'
import type { Places } from '../../src/sessions/residence.ts'
import { Shelf } from '../../src/sessions/shelf.ts'
import { FakeSandboxes } from '../support/fake-sandboxes.ts'
import { ENDLESS_PLACES } from '../support/places.ts'
import { soon } from '../support/session-client.ts'
import { templatesOf } from '../support/session-templates.ts'

/** Bytes that stand for one place. */
const RUN = 100

function open(most: number, others: Partial<Places> = {}) {
  const home = mkdtempSync(path.join(tmpdir(), 'session-memory-'))
  const [small, large] = [new FakeSandboxes('small'), new FakeSandboxes('large')]
  small.memoryBytes = RUN
  large.memoryBytes = 3 * RUN
  const capacity = new CapacityLimit(9, most)
  const member = capacity.join(0, () => {})
  const places: Places = {
    ...ENDLESS_PLACES,
    needed: (bytes) => Math.min(Math.ceil(bytes / RUN), capacity.mostOf(member)),
    most,
    tryEnter: (count) => capacity.tryEnter(member, count),
    made: () => capacity.made(),
    left: (count) => capacity.left(member, count),
    ...others,
  }
  const sessions = new LocalSessions(
    templatesOf(
      new Map([
        ['small', small],
        ['large', large],
      ]),
    ),
    places,
    new Shelf(path.join(home, 'sessions'), true),
    { perCaller: 20, inAll: 100, saveEveryMs: null },
    { changed: () => {}, notWritten: () => {} },
  )
  onTestFinished(async () => {
    await sessions.stop()
    expect(member.alive).toBe(0)
    rmSync(home, { recursive: true })
  })
  const idle = { freezeMs: null, hibernateMs: null }
  const create = async (caller: string, template = 'small') => {
    const request = { caller, template, env: {}, metadata: {}, idle, ttlMs: 1e9 }
    return (await sessions.create(request)).id
  }
  const awake = (caller: string) =>
    sessions.list(caller).filter(({ state }) => state !== 'hibernated').length
  return {
    sessions,
    create,
    awake,
    member,
    set: (more: Partial<Places>) => Object.assign(places, more),
  }
}

test('a sandbox that may hold more takes more places, and the longest idle make room for it', async () => {
  const { sessions, create, member } = open(4)
  const ids = [await create('ann'), await create('bob'), await create('eve')] as const
  expect(member.alive).toBe(3)
  await create('kim', 'large')
  expect(member.alive).toBe(4)
  const stateOf = (caller: string, id: string) => sessions.get(caller, id)?.state
  expect(stateOf('ann', ids[0])).toBe('hibernated')
  expect(stateOf('bob', ids[1])).toBe('hibernated')
  expect(stateOf('eve', ids[2])).toBe('ready')
})

test('nobody’s is ended for the need of another: one that finds no room is refused', async () => {
  const { sessions, create, member } = open(4)
  const id = await create('ann', 'large')
  const use = await sessions.use('ann', id)
  await create('bob')
  await expect(create('eve', 'large')).rejects.toMatchObject({ code: 'POOL_BUSY', httpStatus: 503 })
  expect(sessions.get('ann', id)?.state).toBe('busy')
  // Who is idle has gone to disk for it, and is there.
  expect(sessions.list('bob').map(({ state }) => state)).toEqual(['hibernated'])
  use?.release()
  await create('eve', 'large')
  expect(sessions.get('ann', id)?.state).toBe('hibernated')
  expect(member.alive).toBe(3)
})

test('one caller has a share of the memory: beyond that its own make room, and others find some', async () => {
  const { sessions, create, awake } = open(8)
  const ids: string[] = []
  for (let i = 0; i < 8; i++) ids.push(await create('ann'))
  expect(awake('ann')).toBe(6)
  await Promise.all([create('bob'), create('bob')])
  expect([awake('ann'), awake('bob')]).toEqual([6, 2])
  // In use they cannot make room: the caller is told, and others are not.
  const living = sessions.list('ann').filter(({ state }) => state === 'ready')
  const uses = await Promise.all(living.map(({ id }) => sessions.use('ann', id)))
  await expect(create('ann')).rejects.toMatchObject({ code: 'HELD_TOO_MUCH', httpStatus: 429 })
  await expect(sessions.resume('ann', ids[0] as string)).rejects.toMatchObject({
    code: 'HELD_TOO_MUCH',
  })
  await create('eve')
  expect(awake('bob')).toBe(1)
  for (const use of uses) use?.release()
  expect((await sessions.resume('ann', ids[0] as string))?.state).toBe('ready')
})

test('one that may hold more than there is finds room alone', async () => {
  const { create, member } = open(2)
  await create('ann')
  await create('ann', 'large')
  expect(member.alive).toBe(2)
})

test('where the machine is short of memory, idle ones go to disk, the longest idle first', async () => {
  const { sessions, create, awake, set } = open(8)
  const ids = [await create('ann'), await create('bob'), await create('eve')] as const
  const use = await sessions.use('ann', ids[0])
  set({ isWanted: true, tryEnter: () => false })
  await soon(() => awake('bob')).toBe(0)
  await soon(() => awake('eve')).toBe(0)
  expect(awake('ann')).toBe(1)
  await expect(create('kim')).rejects.toMatchObject({ code: 'POOL_BUSY' })
  expect(sessions.get('ann', ids[0])?.state).toBe('busy')
  use?.release()
})
