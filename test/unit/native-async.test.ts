import { mkdtempSync, rmSync } from 'node:fs'
import { tmpdir } from 'node:os'
import path from 'node:path'
import { setTimeout as sleep } from 'node:timers/promises'
import { afterEach, beforeEach, describe, expect, test } from 'vitest'
import { ApiKeys } from '../../src/api/api-keys.ts'
import type { Config } from '../../src/config.ts'
import { ManagerError } from '../../src/errors.ts'
import type { DatabaseOptions } from '../../src/jobs/database.ts'
import { MIB } from '../../src/lib/units.ts'
import type { RunOutcome } from '../../src/run/types.ts'
import { FakeRuns, openDoors, outcomeWith } from '../support/door.ts'
import { type Checked, NativeClient, type SseEvent } from '../support/native-client.ts'

/** Accepted runs over runs that never happen, with the store as it is. */
const ANN = 'ann-has-a-long-key'
const BOB = 'bob-has-a-long-key'
const RUN = { language: 'python', code: 'print(1)' }
const ASYNC = { prefer: 'respond-async' }
const bearer = (key: string) => ({ authorization: `Bearer ${key}` })

const client = new NativeClient()
let runs: FakeRuns
let folder: string
let door: Awaited<ReturnType<typeof openDoors>>
/** Each gives one run its end. */
let ends: ((outcome: RunOutcome) => void)[]

beforeEach(async () => {
  folder = path.join(mkdtempSync(path.join(tmpdir(), 'executor-manager-async-')), 'store')
  await open()
}, 60_000)
afterEach(async () => {
  for (const end of ends) end(outcomeWith())
  await door.close()
  rmSync(path.dirname(folder), { recursive: true })
}, 60_000)

async function open(options: Partial<DatabaseOptions> = {}, settings: Partial<Config> = {}) {
  runs = new FakeRuns()
  ends = []
  const keys = ApiKeys.parse(`ann:${ANN},bob:${BOB}`) as ApiKeys
  door = await openDoors(runs, { keys, ...settings }, { folder, ...options })
  client.url = door.url
}

/** From here on a run ends when the test says so, or is canceled. */
function holdRuns(): void {
  runs.end = (_request, signal) =>
    new Promise((resolve, reject) => {
      ends.push(resolve)
      const canceled = new ManagerError('RUN_CANCELLED', 'The caller has gone.')
      signal.addEventListener('abort', () => reject(canceled))
    })
}

const submit = (run: object = RUN, headers: Record<string, string> = {}) =>
  client.run(run, { headers: { ...bearer(ANN), ...ASYNC, ...headers } })
const get = (id: string, headers: Record<string, string> = {}) =>
  client.fetch(`/v1/runs/${id}`, { headers: { ...bearer(ANN), ...headers } })
const ended = (id: string) => get(id, { prefer: 'wait=60' })
const cancel = (id: string, key = ANN) =>
  client.fetch(`/v1/runs/${id}`, { method: 'DELETE', headers: bearer(key) })

async function until(condition: () => Promise<boolean> | boolean): Promise<void> {
  while (!(await condition())) await sleep(10)
}

async function all(events: AsyncIterable<SseEvent>): Promise<SseEvent[]> {
  const list: SseEvent[] = []
  for await (const event of events) list.push(event)
  return list
}

describe('a run that is accepted', () => {
  test('is answered at once, executed, and kept with its outcome and files', async () => {
    holdRuns()
    const { status, headers, body } = await submit()
    expect(status).toBe(202)
    expect(headers.get('location')).toBe(`/v1/runs/${body.id}`)
    expect(headers.get('preference-applied')).toBe('respond-async')
    expect(body).toMatchObject({ status: 'queued', outcome: null, started_at: null })
    await until(async () => (await get(body.id)).body.status === 'running')
    expect(ends).toHaveLength(1)
    const content = Buffer.alloc(2 * MIB, 'abc')
    const file = { path: 'a b/ü.png', content }
    ends[0]?.(
      outcomeWith({ stdout: Buffer.from('1\n'), files: [file], resultJson: '{"big": 1.0}' }),
    )
    const after = await ended(body.id)
    expect(after.body).toMatchObject({
      status: 'succeeded',
      problem: null,
      outcome: { id: body.id, status: 'succeeded', stdout: '1\n' },
    })
    expect(after.text).toContain('"result":{"big": 1.0}')
    const [kept] = after.body.outcome.files
    expect(kept).toMatchObject({ path: file.path, size: content.length, media_type: 'image/png' })
    const answer = await fetch(door.url + kept.url, { headers: bearer(ANN) })
    expect(Buffer.from(await answer.arrayBuffer()).equals(content)).toBe(true)
    expect(answer.headers.get('content-disposition')).toBe('attachment')
    expect(answer.headers.get('content-security-policy')).toContain('sandbox')
  })

  test('is its caller’s alone', async () => {
    const { body } = await submit()
    await ended(body.id)
    const others = { headers: bearer(BOB) }
    for (const rest of ['', '/events', '/files/a']) {
      expect((await client.fetch(`/v1/runs/${body.id}${rest}`, others)).status).toBe(404)
    }
    expect((await cancel(body.id, BOB)).status).toBe(404)
    expect((await client.fetch('/v1/runs', others)).body).toEqual({ runs: [], next: null })
    expect((await get('no-such-run')).status).toBe(404)
    expect((await get(body.id)).status).toBe(200)
  })

  test('is found in the list of its caller, page by page', async () => {
    const ids: string[] = []
    for (let count = 0; count < 3; count++) ids.unshift((await submit()).body.id)
    const list = (query: string) => client.fetch(`/v1/runs?${query}`, { headers: bearer(ANN) })
    const first = await list('limit=2')
    expect(first.body.runs.map(({ id }: { id: string }) => id)).toEqual(ids.slice(0, 2))
    const second = await list(`limit=2&before=${first.body.next}`)
    expect(second.body.runs.map(({ id }: { id: string }) => id)).toEqual(ids.slice(2))
    expect(second.body.next).toBeNull()
    for (const wrong of ['limit=0', 'limit=101', 'limit=x', 'before=a&before=b']) {
      expect((await list(wrong)).status).toBe(400)
    }
  })

  test('tells its events, again from where a stream broke off', async () => {
    const text = (stream: 'stdout' | 'stderr', said: string) => ({
      type: stream,
      bytes: Buffer.from(said),
    })
    runs.events = [
      { type: 'started', queueMs: 1 },
      text('stdout', 'a'),
      text('stdout', 'b'),
      { type: 'stdout', bytes: Buffer.from('ü').subarray(0, 1) },
      text('stderr', 'c'),
    ]
    holdRuns()
    const { body } = await submit()
    const stream = client.eventsOfRun(body.id, { headers: bearer(ANN) })
    expect((await stream.next()).value).toMatchObject({ id: '1', event: 'started' })
    expect((await stream.next()).value).toMatchObject({ id: '2', data: { text: 'ab' } })
    await stream.return(undefined)
    // Whoever reads its events does not end it by going.
    ends[0]?.(outcomeWith({ end: 'signal', signal: 9 }))
    const rest = await all(
      client.eventsOfRun(body.id, { headers: { ...bearer(ANN), 'last-event-id': '2' } }),
    )
    expect(rest.map(({ id, event }) => [id, event])).toEqual([
      ['3', 'stderr'],
      ['4', 'stdout'],
      ['5', 'done'],
    ])
    expect(rest[2]?.data).toMatchObject({ status: 'failed', signal: 'SIGKILL' })
    const seen = { headers: { ...bearer(ANN), 'last-event-id': '5' } }
    expect((await client.fetch(`/v1/runs/${body.id}/events`, seen)).status).toBe(204)
    const wrong = { headers: { ...bearer(ANN), 'last-event-id': 'x' } }
    expect((await client.fetch(`/v1/runs/${body.id}/events`, wrong)).status).toBe(400)
    const all2 = await fetch(`${door.url}/v1/runs/${body.id}/events?after=4`, {
      headers: bearer(ANN),
    })
    expect(await all2.text()).toMatch(/^id: 5\nevent: done\n/)
  })

  test('is canceled while it waits and while it runs, and removed once it has ended', async () => {
    holdRuns()
    const ids: string[] = []
    for (let count = 0; count < 9; count++) ids.push((await submit()).body.id)
    // Eight are handed over at a time.
    await until(() => ends.length === 8)
    const [first = '', last = ''] = [ids[0], ids[8]]
    for (const id of [last, first]) {
      const { body } = await cancel(id)
      expect(body).toMatchObject({
        status: 'canceled',
        outcome: null,
        problem: { type: '/problems/canceled' },
      })
      const events = await all(client.eventsOfRun(id, { headers: bearer(ANN) }))
      expect(events.at(-1)).toMatchObject({ event: 'error', data: { type: '/problems/canceled' } })
    }
    expect(runs.requests).toHaveLength(8)
    expect((await cancel(first)).status).toBe(204)
    expect((await get(first)).status).toBe(404)
  })

  test('waits for its turn: an owner with many does not keep another waiting', async () => {
    holdRuns()
    for (let count = 0; count < 20; count++) await submit()
    await until(() => ends.length === 8)
    const { body } = await client.run(RUN, { headers: { ...bearer(BOB), ...ASYNC } })
    await until(() => ends.length === 9)
    expect(runs.requests.at(-1)).toMatchObject({ id: body.id, caller: 'bob' })
  })

  test('is tried again when no executor became free', async () => {
    let tries = 0
    runs.start = async () => {
      if (++tries < 3) throw new ManagerError('POOL_BUSY', 'No executor became free in time.')
      return outcomeWith()
    }
    const { body } = await submit()
    expect((await ended(body.id)).body.status).toBe('succeeded')
    expect(tries).toBe(3)
  })

  test('is lost, and not tried again, when it failed after its code had begun', async () => {
    runs.end = async () => {
      throw new ManagerError('RUN_UNOBSERVED', 'It cannot be told how the run ended.')
    }
    const { body } = await submit()
    expect((await ended(body.id)).body).toMatchObject({
      status: 'lost',
      problem: { type: '/problems/lost' },
    })
    expect(runs.requests).toHaveLength(1)
  })
})

describe('a restart', () => {
  test('what waited is executed, what was executed is lost, what had ended is there', async () => {
    const done = (await submit()).body.id
    await ended(done)
    holdRuns()
    const held: string[] = []
    for (let count = 0; count < 9; count++) held.push((await submit()).body.id)
    await until(() => ends.length === 8)
    // As it is for a process that is killed: nothing more is written.
    await door.store.thread.close()
    const ofBefore = ends
    await open()
    const [lost = '', waited = ''] = [held[0], held[8]]
    expect((await ended(waited)).body.status).toBe('succeeded')
    expect((await ended(lost)).body).toMatchObject({ status: 'lost', outcome: null })
    expect((await ended(done)).body.status).toBe('succeeded')
    expect(runs.requests.map(({ id }) => id)).toEqual([waited])
    for (const end of ofBefore) end(outcomeWith())
  })
})

describe('an idempotency key', () => {
  const keyed = (run: object, key: string, headers: Record<string, string> = {}) =>
    client.run(run, { headers: { ...bearer(ANN), 'idempotency-key': key, ...headers } })

  test('the same request gets the same run, and another one is refused', async () => {
    const first = await keyed(RUN, '"k1"', ASYNC)
    const again = await keyed(RUN, 'k1', ASYNC)
    expect(again.text).toBe(first.text)
    expect(again.headers.get('idempotent-replayed')).toBe('true')
    expect(again.headers.get('location')).toBe(first.headers.get('location'))
    const other = await keyed({ ...RUN, code: 'print(2)' }, 'k1', ASYNC)
    expect([other.status, other.body.type]).toEqual([422, '/problems/key-reused'])
    const ofBob = await client.run(RUN, {
      headers: { ...bearer(BOB), ...ASYNC, 'idempotency-key': 'k1' },
    })
    expect(ofBob.body.id).not.toBe(first.body.id)
    await ended(first.body.id)
    await until(() => runs.requests.length === 2)
  })

  test('a caller that waits gets the outcome, and again from the store', async () => {
    const content = Buffer.alloc(MIB + 1, 'xyz')
    runs.end = async () =>
      outcomeWith({
        resultJson: '[1]',
        files: [
          { path: 'a.txt', content },
          { path: 'b', content },
        ],
      })
    const first = await keyed(RUN, 'k')
    expect(first.status).toBe(200)
    const files = first.body.files as { content_base64: string }[]
    expect(files).toHaveLength(2)
    expect(Buffer.from(files[0]?.content_base64 ?? '', 'base64').equals(content)).toBe(true)
    const again = await keyed(RUN, 'k')
    expect(again.text).toBe(first.text)
    expect(runs.requests).toHaveLength(1)
    const events = await all(
      client.events('/v1/runs', RUN, {
        headers: { ...bearer(ANN), 'idempotency-key': 'k' } as never,
      }),
    )
    expect(events.at(-1)?.data).toEqual(first.body)
  })

  test('while its run goes on: 409, and a caller that hung up finds the outcome', async () => {
    holdRuns()
    const controller = new AbortController()
    const first = fetch(`${door.url}/v1/runs`, {
      method: 'POST',
      body: JSON.stringify(RUN),
      headers: { ...bearer(ANN), 'content-type': 'application/json', 'idempotency-key': 'k' },
      signal: controller.signal,
    }).catch(() => null)
    await until(() => ends.length === 1)
    const meanwhile = await keyed(RUN, 'k')
    expect([meanwhile.status, meanwhile.body.type]).toEqual([409, '/problems/key-in-use'])
    expect(meanwhile.headers.get('retry-after')).toBe('1')
    controller.abort()
    await first
    ends[0]?.(outcomeWith({ stdout: Buffer.from('late') }))
    let answer: Checked = meanwhile
    await until(async () => {
      answer = await keyed(RUN, 'k')
      return answer.status === 200
    })
    expect(answer.body.stdout).toBe('late')
    expect(runs.requests).toHaveLength(1)
  })

  test('is refused where it is wrong or means nothing', async () => {
    for (const key of ['', 'ü', 'x'.repeat(256)]) {
      const { status } = await keyed(RUN, Buffer.from(key).toString('latin1'))
      expect(status).toBe(400)
    }
    const headers = { ...bearer(ANN), 'idempotency-key': 'k' }
    expect((await client.post('/v1/batches', { runs: [RUN] }, { headers })).status).toBe(400)
  })
})

describe('what a caller may have', () => {
  test('runs that wait are counted, and each more is refused until one has begun', async () => {
    await door.close()
    await open({
      limits: { bytes: 64 * MIB, bytesPerOwner: 16 * MIB, queued: 8, queuedPerOwner: 2 },
    })
    const rejects: ((error: Error) => void)[] = []
    runs.start = () => new Promise((_resolve, reject) => rejects.push(reject))
    const statuses: number[] = []
    for (let count = 0; count < 3; count++) statuses.push((await submit()).status)
    expect(statuses).toEqual([202, 202, 429])
    const refused = await submit()
    expect(refused.body).toMatchObject({ type: '/problems/too-much-held' })
    expect(Number(refused.headers.get('retry-after'))).toBeGreaterThan(0)
    expect((await client.run(RUN, { headers: { ...bearer(BOB), ...ASYNC } })).status).toBe(202)
    await until(() => rejects.length === 3)
    for (const reject of rejects) reject(new Error('the service ends'))
  })

  test('the oldest runs go when their owner has no more room, and all after their time', async () => {
    await door.close()
    const limits = { bytes: 64 * MIB, bytesPerOwner: 3 * MIB, queued: 8, queuedPerOwner: 8 }
    await open({ limits, keepMs: 3_600_000 })
    const content = Buffer.alloc(MIB)
    runs.end = async () => outcomeWith({ files: [{ path: 'a', content }] })
    const ids: string[] = []
    for (let count = 0; count < 4; count++) {
      const { id } = (await submit()).body
      await ended(id)
      ids.push(id)
    }
    const statuses = await Promise.all(ids.map(async (id) => (await get(id)).status))
    expect(statuses).toEqual([404, 404, 200, 200])
  })
})
