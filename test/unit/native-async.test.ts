import { describe, expect, test } from 'vitest'
import { ManagerError } from '../../src/errors.ts'
import { MIB } from '../../src/lib/units.ts'
import {
  ANN,
  ASYNC,
  BOB,
  bearer,
  cancel,
  client,
  door,
  ended,
  ends,
  get,
  holdRuns,
  open,
  RUN,
  runs,
  submit,
  until,
  useAcceptedRuns,
} from '../support/accepted-runs.ts'
import { outcomeWith } from '../support/door.ts'
import { collect } from '../support/played-runs.ts'

useAcceptedRuns()

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
    const rest = await collect(
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
      const events = await collect(client.eventsOfRun(id, { headers: bearer(ANN) }))
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
