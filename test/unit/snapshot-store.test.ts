import { existsSync, mkdtempSync, readdirSync, rmSync, utimesSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import path from 'node:path'
import { setTimeout as sleep } from 'node:timers/promises'
import { beforeEach, expect, onTestFinished, test } from 'vitest'
import {
  type Snapshot,
  type SnapshotFacts,
  SnapshotStore,
} from '../../src/engine/runsc/snapshot-store.ts'

const FACTS: SnapshotFacts = {
  runtime: 'python',
  runscVersion: '1',
  sidecars: [],
  flags: [],
  imageHash: 'image',
  guestHash: 'guest',
  spec: {},
}
const OTHER_FACTS = { ...FACTS, guestHash: 'another guest' }

let home: string
/** Two managers on one data folder: locks are between open files, not between processes. */
let mine: SnapshotStore
let theirs: SnapshotStore

beforeEach(() => {
  home = mkdtempSync(path.join(tmpdir(), 'snapshot-store-'))
  onTestFinished(() => rmSync(home, { recursive: true, force: true }))
  mine = new SnapshotStore(home)
  theirs = new SnapshotStore(home)
})

async function make(store: SnapshotStore, facts = FACTS): Promise<Snapshot> {
  // The newest of two is told by the millisecond.
  await sleep(5)
  const draft = await store.draft()
  writeFileSync(path.join(draft.folder, 'pages.img'), 'pages')
  const snapshot = store.commit(draft, facts)
  onTestFinished(() => snapshot.lock.release())
  return snapshot
}

function age({ folder }: Snapshot): void {
  const long = new Date(Date.now() - 30 * 24 * 3600 * 1000)
  utimesSync(path.join(folder, 'snapshot.json'), long, long)
}

const names = () => readdirSync(path.join(home, 'snapshots'))

test('is found by whoever has the same facts, the newest first', async () => {
  expect(await mine.find(FACTS)).toEqual([])
  const first = await make(mine)
  const second = await make(mine)
  const found = await theirs.find(FACTS)
  expect(found.map(({ folder }) => folder).sort()).toEqual([first.folder, second.folder].sort())
  expect(found[0]?.createdAtMs).toBeGreaterThanOrEqual(found[1]?.createdAtMs as number)
  expect(await theirs.find(OTHER_FACTS)).toEqual([])
  for (const snapshot of found) theirs.release(snapshot)
})

test('one that a living manager uses stays, however old; one that nobody uses goes', async () => {
  const used = await make(theirs, OTHER_FACTS)
  const unused = await make(theirs, OTHER_FACTS)
  theirs.release(unused)
  age(used)
  age(unused)
  await make(mine)
  await mine.collect()
  expect(existsSync(used.folder)).toBe(true)
  expect(existsSync(unused.folder)).toBe(false)
  theirs.release(used)
  age(used)
  await mine.collect()
  expect(existsSync(used.folder)).toBe(false)
})

test('one that nobody uses now stays for a day, for the next start', async () => {
  const snapshot = await make(theirs, OTHER_FACTS)
  age(snapshot)
  theirs.release(snapshot)
  await mine.collect()
  expect(existsSync(snapshot.folder)).toBe(true)
})

test('of the same facts the two newest stay, and what somebody uses', async () => {
  const all = [await make(mine), await make(mine), await make(mine), await make(mine)]
  const [used, , , last] = all as [Snapshot, Snapshot, Snapshot, Snapshot]
  for (const snapshot of all.slice(1)) mine.release(snapshot)
  await theirs.collect()
  expect(names()).toHaveLength(3)
  expect(existsSync(used.folder)).toBe(true)
  expect(existsSync(last.folder)).toBe(true)
})

test('one that is removed is not found any more, and goes when its last user has gone', async () => {
  const snapshot = await make(mine)
  const [found] = await theirs.find(FACTS)
  await mine.remove(snapshot)
  expect(existsSync(path.join(snapshot.folder, 'pages.img'))).toBe(true)
  expect(await mine.find(FACTS)).toEqual([])
  theirs.release(found as Snapshot)
  await mine.collect()
  expect(names()).toEqual([])
})

test('a draft stays while its maker lives, and goes when it has gone', async () => {
  const draft = await theirs.draft()
  await mine.collect()
  expect(existsSync(draft.folder)).toBe(true)
  // As the kernel does when the process ends.
  draft.lock.release()
  await mine.collect()
  expect(names()).toEqual([])
})

test('a folder of snapshots that vanishes is no error', async () => {
  const snapshot = await make(mine)
  rmSync(path.join(home, 'snapshots'), { recursive: true })
  expect(mine.has(snapshot)).toBe(false)
  await mine.remove(snapshot)
  await mine.collect()
  await make(mine)
  expect(names()).toHaveLength(1)
})
