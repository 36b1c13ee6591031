import { describe, expect, test } from 'vitest'
import { MIB } from '../../src/lib/units.ts'
import {
  ANN,
  ASYNC,
  BOB,
  bearer,
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
import type { Checked } from '../support/native-client.ts'
import { collect } from '../support/played-runs.ts'

useAcceptedRuns()

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
    const events = await collect(
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
