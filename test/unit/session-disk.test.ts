import { mkdtempSync, readdirSync, rmSync } from 'node:fs'
import { tmpdir } from 'node:os'
import path from 'node:path'
import { expect, onTestFinished, test } from 'vitest'
import { MIB } from '../../src/lib/units.ts'
import { DiskAccounts } from '../../src/sessions/disk.ts'
import type { SessionEvent } from '../../src/sessions/history.ts'
import { LocalSessions } from '../../src/sessions/local-sessions.ts'
import { Shelf } from '../../src/sessions/shelf.ts'
import { FakeSandboxes } from '../support/fake-sandboxes.ts'
import { ENDLESS_PLACES } from '../support/places.ts'
import { soon } from '../support/session-client.ts'
import { templatesOf } from '../support/session-templates.ts'

const IDLE = { freezeMs: null, hibernateMs: null }

function open(limits: { bytes: number; bytesPerCaller: number }, dropGraceMs = 60_000) {
  const home = mkdtempSync(path.join(tmpdir(), 'session-disk-'))
  const sandboxes = new FakeSandboxes()
  sandboxes.memoryBytes = MIB
  const disk = new DiskAccounts(limits)
  const folder = path.join(home, 'sessions')
  const reopen = () =>
    new LocalSessions(
      templatesOf(new Map([['fake', sandboxes]])),
      ENDLESS_PLACES,
      new Shelf(folder, true, disk),
      { perCaller: 20, inAll: 100, saveEveryMs: null, disk, dropGraceMs },
      { changed: () => {}, notWritten: () => {} },
    )
  const sessions = reopen()
  onTestFinished(async () => {
    await sessions.stop()
    rmSync(home, { recursive: true })
  })
  const create = async (caller = 'ann') =>
    (
      await sessions.create({
        caller,
        template: 'fake',
        env: {},
        metadata: {},
        idle: IDLE,
        ttlMs: 1e9,
      })
    ).id
  return { sessions, sandboxes, disk, create, folder, reopen }
}

test('what is over the quota of its caller is refused, and goes on', async () => {
  const { sessions, create, disk } = open({ bytes: 100 * MIB, bytesPerCaller: 2.5 * MIB })
  const [one, two, three] = [await create(), await create(), await create()]
  expect((await sessions.pause('ann', one))?.state).toBe('hibernated')
  expect((await sessions.pause('ann', two))?.state).toBe('hibernated')
  await expect(sessions.pause('ann', three)).rejects.toMatchObject({
    code: 'HELD_TOO_MUCH',
    message: expect.stringMatching(/hold 2 MiB of 3 MiB on disk.*no room for 1 MiB more/),
  })
  expect(sessions.get('ann', three)?.state).toBe('ready')
  // Others have room, and what is on disk is written anew in its place.
  expect((await sessions.pause('bob', await create('bob')))?.state).toBe('hibernated')
  expect((await sessions.resume('ann', one))?.state).toBe('ready')
  expect((await sessions.pause('ann', one))?.state).toBe('hibernated')
  // Copies and snapshots count.
  await expect(sessions.fork('ann', one, 1)).rejects.toMatchObject({ code: 'HELD_TOO_MUCH' })
  await expect(sessions.snapshot('ann', one)).rejects.toMatchObject({ code: 'HELD_TOO_MUCH' })
  expect(disk.heldBy('ann')).toBeGreaterThan(2 * MIB)
  await sessions.kill('ann', one)
  expect(disk.heldBy('ann')).toBeLessThan(1.1 * MIB)
  const snapshot = await sessions.snapshot('ann', two)
  expect(disk.heldBy('ann')).toBeGreaterThan(2 * MIB)
  sessions.removeSnapshot('ann', snapshot?.id ?? '')
  expect((await sessions.pause('ann', three))?.state).toBe('hibernated')
})

test('a caller at its quota makes no more sessions; a stop writes all the same', async () => {
  const { sessions, sandboxes, create, disk, folder, reopen } = open({
    bytes: 100 * MIB,
    bytesPerCaller: 3 * MIB,
  })
  const ids = [await create(), await create(), await create()]
  for (const id of ids.slice(0, 2)) await sessions.pause('ann', id)
  disk.limits = { bytes: 100 * MIB, bytesPerCaller: 2 * MIB }
  await expect(create()).rejects.toMatchObject({ code: 'HELD_TOO_MUCH', httpStatus: 429 })
  await create('bob')
  await sessions.stop()
  expect(readdirSync(folder)).toHaveLength(4)
  expect(sandboxes.living.size).toBe(0)
  expect(disk.total).toBeGreaterThan(4 * MIB)
  const later = reopen()
  expect(later.load()).toEqual({ found: 4, lost: 0, dropped: 0 })
  expect(later.get('ann', ids[2] as string)?.state).toBe('hibernated')
  await later.stop()
})

test('when the disk for all is full, nothing is lost, and the oldest is told before it is dropped', async () => {
  const { sessions, create, disk } = open({ bytes: 4 * MIB, bytesPerCaller: 4 * MIB }, 50)
  const events: SessionEvent[] = []
  const first = await create()
  await sessions.pause('ann', first)
  const second = await create('bob')
  await sessions.pause('bob', second)
  sessions.history('ann', first)?.follow(0, (event) => events.push(event))
  disk.limits = { bytes: MIB, bytesPerCaller: 4 * MIB }
  await expect(create('eve')).rejects.toMatchObject({ code: 'STORE_FAILED', httpStatus: 507 })
  disk.limits = { bytes: 2.1 * MIB, bytesPerCaller: 4 * MIB }
  await soon(() => sessions.get('ann', first)?.state).toBe('dead')
  expect(sessions.get('bob', second)).toMatchObject({ state: 'hibernated', dropsAtMs: null })
  const [told, end] = events.slice(-2)
  expect(told).toMatchObject({ state: 'hibernated', dropsAtMs: expect.any(Number) })
  expect(told?.why).toMatch(/almost full: it is dropped at .*Z unless it is used/)
  expect(end).toMatchObject({ state: 'dead', why: expect.stringContaining('dropped') })
  expect(end?.atMs).toBeGreaterThanOrEqual(told?.dropsAtMs ?? Infinity)
})

test('one that is used, or for which there is room again, stays', async () => {
  const { sessions, create, disk } = open({ bytes: 4 * MIB, bytesPerCaller: 4 * MIB })
  const ids = [await create(), await create()] as const
  for (const id of ids) await sessions.pause('ann', id)
  const droppedAt = (index: 0 | 1) => sessions.get('ann', ids[index])?.dropsAtMs
  disk.limits = { bytes: 2.1 * MIB, bytesPerCaller: 4 * MIB }
  await soon(() => droppedAt(0)).not.toBeNull()
  expect(droppedAt(1)).toBeNull()
  await sessions.resume('ann', ids[0])
  expect(droppedAt(0)).toBeNull()
  // The other one is the oldest now.
  await soon(() => droppedAt(1)).not.toBeNull()
  disk.limits = { bytes: 4 * MIB, bytesPerCaller: 4 * MIB }
  await soon(() => droppedAt(1)).toBeNull()
  expect(sessions.get('ann', ids[1])?.state).toBe('hibernated')
})
