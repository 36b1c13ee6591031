import { mkdtempSync, rmSync, statSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import path from 'node:path'
import { afterEach, beforeEach, describe, expect, test } from 'vitest'
import type { DatabaseOptions } from '../../src/jobs/database.ts'
import type { FoundFile } from '../../src/jobs/kept-files.ts'
import { Store } from '../../src/jobs/store.ts'
import { MIB } from '../../src/lib/units.ts'

/** The store as it is, in its thread, in a folder of its own. */
let folder: string
const stores: Store[] = []
beforeEach(() => {
  folder = path.join(mkdtempSync(path.join(tmpdir(), 'executor-manager-store-')), 'store')
})
afterEach(async () => {
  await Promise.all(stores.splice(0).map((store) => store.close()))
  rmSync(path.dirname(folder), { recursive: true })
})

const LIMITS = { bytes: 4 * MIB, bytesPerOwner: 2 * MIB, queued: 4, queuedPerOwner: 2 }
const HOUR_MS = 3_600_000

function openStore(options: Partial<DatabaseOptions> = {}): Store {
  const store = new Store({ folder, limits: LIMITS, keepMs: HOUR_MS, ...options }, (error) => {
    throw error
  })
  stores.push(store)
  return store
}

async function contentOf(file: FoundFile | null): Promise<Buffer> {
  const pieces: Buffer[] = []
  for await (const piece of file?.read() ?? []) pieces.push(piece)
  return Buffer.concat(pieces)
}

describe('files of front doors', () => {
  test('come back as they were kept, after a restart too, to their owner alone', async () => {
    const first = openStore()
    const content = Buffer.alloc(1.5 * MIB, 'ü')
    const pieces = [content.subarray(0, 10), content.subarray(10)]
    const files = first.filesOf('door')
    const given = { mediaType: 'text/csv', keepMs: HOUR_MS }
    await files.put('ann', 'session', 'a.csv', pieces, given)
    await files.put('ann', 'session', 'empty', Buffer.alloc(0), { keepMs: HOUR_MS })
    await first.close()

    const store = openStore()
    expect(store.hasPast).toBe(true)
    const again = store.filesOf('door')
    const found = await again.get('ann', 'session', 'a.csv')
    expect(found).toMatchObject({ name: 'a.csv', mediaType: 'text/csv', size: content.length })
    expect((await contentOf(found)).equals(content)).toBe(true)
    expect(await contentOf(await again.get('ann', 'session', 'empty'))).toHaveLength(0)
    expect((await again.list('ann', 'session')).map(({ name }) => name)).toEqual(['a.csv', 'empty'])
    expect(await again.get('bob', 'session', 'a.csv')).toBeNull()
    expect(await store.filesOf('other').list('ann', 'session')).toEqual([])
    expect(await again.remove('bob', 'session', 'a.csv')).toBe(false)
    expect(await again.remove('ann', 'session', 'a.csv')).toBe(true)
    expect(await again.get('ann', 'session', 'a.csv')).toBeNull()
  })

  test('a file takes the place of another of its name, and expires', async () => {
    const store = openStore()
    const files = store.filesOf('door')
    await files.put('ann', 's', 'a', Buffer.alloc(MIB), { keepMs: HOUR_MS })
    await files.put('ann', 's', 'a', Buffer.from('new'), { keepMs: HOUR_MS })
    await files.put('ann', 's', 'b', Buffer.from('old'), { keepMs: 0 })
    expect((await contentOf(await files.get('ann', 's', 'a'))).toString()).toBe('new')
    expect(await files.get('ann', 's', 'b')).toBeNull()
    expect((await files.list('ann', 's')).map(({ name }) => name)).toEqual(['a'])
    await store.sweep()
    expect((await store.thread.ask('held', 'ann')).bytes).toBe(512 + 3)
    await files.remove('ann', 's', 'a')
    expect(await store.thread.ask('total')).toEqual({ bytes: 0, queued: 0 })
  })

  test('an owner keeps what it may, and does not take the room of others', async () => {
    const store = openStore()
    const files = store.filesOf('door')
    const keep = (owner: string, name: string, bytes: number) =>
      files.put(owner, 's', name, Buffer.alloc(bytes), { keepMs: HOUR_MS })
    await keep('ann', 'a', 1.5 * MIB)
    await expect(keep('ann', 'b', MIB)).rejects.toMatchObject({ code: 'HELD_TOO_MUCH' })
    await keep('bob', 'a', 1.5 * MIB)
    await keep('eve', 'a', 0.9 * MIB)
    // Together they hold nearly all: the oldest of whoever holds most makes room for the newcomer.
    await keep('joe', 'a', 0.5 * MIB)
    expect(await files.get('ann', 's', 'a')).toBeNull()
    expect(await files.get('eve', 's', 'a')).not.toBeNull()
    expect(await files.get('joe', 's', 'a')).not.toBeNull()
  })

  test('nobody else on the machine can read them', async () => {
    await openStore().filesOf('door').put('ann', 's', 'a', Buffer.from('x'), { keepMs: HOUR_MS })
    expect(statSync(folder).mode & 0o777).toBe(0o700)
    for (const name of ['jobs.db', 'jobs.db-wal']) {
      expect(statSync(path.join(folder, name)).mode & 0o777).toBe(0o600)
    }
  })
})

test('a second manager is told that the store is taken, and a file of another kind that it is', async () => {
  const store = openStore()
  await store.thread.ask('total')
  const second = openStore({ lockMs: 50 })
  await expect(second.thread.ask('total')).rejects.toMatchObject({
    code: 'SETUP_FAILED',
    message: expect.stringContaining('Another executor manager uses the store'),
  })
  await store.close()
  writeFileSync(path.join(folder, 'jobs.db'), 'no database'.repeat(100))
  await expect(openStore().thread.ask('total')).rejects.toMatchObject({ code: 'STORE_FAILED' })
})
