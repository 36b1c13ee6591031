import { mkdtempSync, rmSync } from 'node:fs'
import { tmpdir } from 'node:os'
import path from 'node:path'
import { Writable } from 'node:stream'
import { setTimeout as sleep } from 'node:timers/promises'
import { pino } from 'pino'
import { afterEach, beforeEach, describe, expect, test } from 'vitest'
import { ApiKeys } from '../../src/api/api-keys.ts'
import { readConfig } from '../../src/config.ts'
import { FakeRuns, openDoors, outcomeWith } from '../support/door.ts'
import { NativeClient } from '../support/native-client.ts'

/** What a caller with a key tries on the accepted runs of another, and on its own by odd means. */
const ANN = 'ann-has-a-long-key'
const BOB = 'bob-has-a-long-key'
const RUN = { language: 'python', code: 'print(1)' }

const client = new NativeClient()
let runs: FakeRuns
let folder: string
let log: string
let door: Awaited<ReturnType<typeof openDoors>>
let ends: (() => void)[]
const end = () => {
  for (const one of ends) one()
}

beforeEach(async () => {
  folder = mkdtempSync(path.join(tmpdir(), 'executor-manager-others-'))
  runs = new FakeRuns()
  const left = outcomeWith({ files: [{ path: 'a/b.txt', content: Buffer.from('of-ann') }] })
  runs.end = () =>
    new Promise((resolve) => {
      ends.push(() => resolve(left))
    })
  log = ''
  ends = []
  const stream = new Writable({
    write(chunk, _encoding, done) {
      log += chunk
      done()
    },
  })
  const keys = ApiKeys.parse(`ann:${ANN},bob:${BOB}`) as ApiKeys
  const webhooks = { policy: { public: false, names: [], ranges: ['127.0.0.1'] }, secret: null }
  const jobs = { ...readConfig({}).jobs, webhooks }
  const options = { folder: path.join(folder, 'store') }
  door = await openDoors(runs, { keys, jobs }, options, pino({ level: 'trace' }, stream))
  client.url = door.url
}, 60_000)
afterEach(async () => {
  end()
  await door.close()
  rmSync(folder, { recursive: true })
}, 60_000)

const as = (key: string, more: Record<string, string> = {}) => ({
  headers: { authorization: `Bearer ${key}`, ...more },
})
const submit = async (key: string, run: object = RUN, more: Record<string, string> = {}) =>
  (await client.run(run, as(key, { prefer: 'respond-async', ...more }))).body
const state = async (id: string, key = ANN) =>
  (await client.fetch(`/v1/runs/${id}`, as(key, { prefer: 'wait=60' }))).body
async function running(): Promise<{ id: string }> {
  const run = await submit(ANN)
  while ((await client.fetch(`/v1/runs/${run.id}`, as(ANN))).body.status !== 'running') {
    await sleep(10)
  }
  return run
}

describe('runs of another caller', () => {
  test('are out of reach by every method and address, while they run and afterwards', async () => {
    const { id } = await running()
    const knock = async () => {
      for (const method of ['GET', 'HEAD', 'DELETE', 'POST', 'PUT', 'PATCH', 'OPTIONS']) {
        for (const rest of [
          '',
          '/',
          '/events',
          '/events?after=0',
          '/files/a/b.txt',
          '/files/',
          '/files',
        ]) {
          const init = { ...as(BOB), method }
          const answer = await fetch(`${door.url}/v1/runs/${id}${rest}`, init)
          expect([method, rest, answer.status]).toEqual([
            method,
            rest,
            expect.toBeOneOf([404, 405]),
          ])
          expect(await answer.text()).not.toContain('of-ann')
        }
      }
    }
    await knock()
    end()
    expect((await state(id)).status).toBe('succeeded')
    await knock()
    expect((await state(id)).outcome.files).toHaveLength(1)
  })

  test('do not show by the page that begins behind them', async () => {
    const first = await submit(BOB)
    const { id } = await submit(ANN)
    await submit(BOB)
    const list = async (before: string) =>
      (await client.fetch(`/v1/runs?before=${before}`, as(BOB))).body
    expect(await list(id)).toEqual(await list('no-such-run'))
    expect(await list(first.id)).toEqual({ runs: [], next: null })
  })

  test('do not show by their idempotency keys', async () => {
    const key = { 'idempotency-key': 'order-1' }
    const own = await submit(ANN, RUN, key)
    const same = await submit(BOB, RUN, key)
    expect(same.status).toBe('queued')
    expect(same.id).not.toBe(own.id)
    const again = await client.run(RUN, as(BOB, { prefer: 'respond-async', ...key }))
    expect([again.body.id, again.headers.get('idempotent-replayed')]).toEqual([same.id, 'true'])
  })
})

describe('odd requests for a run of one’s own', () => {
  test('a last event that is no number is refused', async () => {
    const { id } = await running()
    const odd = ['x', '-1', '1.5', '1e3', '0x1', '1,2', '99999999999999999', '1 2', '٣', 'null']
    const path = `/v1/runs/${id}/events`
    for (const last of odd) {
      const header = Buffer.from(last).toString('latin1')
      const answer = await client.fetch(path, as(ANN, { 'last-event-id': header }))
      expect([last, answer.status, answer.body.type]).toEqual([
        last,
        400,
        '/problems/invalid-request',
      ])
      const query = await client.fetch(`${path}?after=${encodeURIComponent(last)}`, as(ANN))
      expect([last, query.status]).toEqual([last, 400])
    }
  })

  test('a last event that nobody has told yet changes no number', async () => {
    const { id } = await running()
    const events = client.eventsOfRun(id, as(ANN))
    expect((await events.next()).value).toMatchObject({ id: '1' })
    const seen = client.eventsOfRun(id, as(ANN, { 'last-event-id': '9007199254740991' }))
    const told = seen.next()
    // It is asked for before the run ends: afterwards the answer would be 204.
    await sleep(200)
    end()
    expect((await told).value).toMatchObject({ id: '2', event: 'done' })
  })

  test('the head of a stream of events comes while its run goes on', async () => {
    const { id } = await running()
    const head = await fetch(`${door.url}/v1/runs/${id}/events`, { ...as(ANN), method: 'HEAD' })
    expect([head.status, head.headers.get('content-type')]).toEqual([
      200,
      'text/event-stream; charset=utf-8',
    ])
    expect((await client.fetch(`/v1/runs/${id}`, as(ANN))).body.status).toBe('running')
  })

  test('a stream that ends while the service stops is whole, and does not hold the stop up', async () => {
    const events = client.events('/v1/runs', RUN, as(ANN))
    await events.next()
    const before = performance.now()
    const closed = door.stop()
    await sleep(100)
    end()
    const rest = []
    for await (const { event } of events) rest.push(event)
    expect(rest).toEqual(['done'])
    await closed
    // A connection that waits for nothing is kept for 60 s.
    expect(performance.now() - before).toBeLessThan(45_000)
  })

  test('there are no other files than those that the run left', async () => {
    const { id } = await running()
    end()
    await state(id)
    const file = (name: string) => client.fetch(`/v1/runs/${id}/files/${name}`, as(ANN))
    expect((await file('a%2fb.txt')).text).toBe('of-ann')
    const odd = [
      ...['%2e%2e%2fstore%2fjobs.db', '..%2f..%2fetc%2fpasswd', '%00', 'a%00b.txt', 'a%2fb.txt%00'],
      ...['', '/', 'a', 'a/', 'A/B.TXT', 'a%5cb.txt', 'x'.repeat(5000), "'%20OR%20''='", '%25'],
    ]
    for (const name of odd) expect([name, (await file(name)).status]).toEqual([name, 404])
  })

  test('there are no runs under odd names', async () => {
    for (const id of ['%00', "'%20OR%201=1--", '%ff', '%e0%a4', '*', '%', 'x'.repeat(300)]) {
      for (const rest of ['', '/events', '/files/a']) {
        const { status } = await client.fetch(`/v1/runs/${id}${rest}`, as(ANN))
        expect([id, status]).toEqual([id, expect.toBeOneOf([400, 404])])
      }
    }
  })
})

test('the log has nothing of what was sent and left, and no secrets', async () => {
  const secret = `whsec_${Buffer.alloc(24, 'S').toString('base64')}`
  const marked = (name: string) => `marked-${name}`
  runs.events.push({ type: 'stdout', bytes: Buffer.from(marked('event')) })
  runs.end = async () =>
    outcomeWith({
      exitCode: 1,
      stdout: Buffer.from(marked('stdout')),
      stderr: Buffer.from(marked('stderr')),
      resultJson: `"${marked('result')}"`,
      error: { name: 'E', message: marked('message'), traceback: marked('trace'), line: 1 },
      files: [{ path: marked('path'), content: Buffer.from(marked('content')) }],
    })
  const run = {
    ...RUN,
    mode: 'function',
    code: marked('code'),
    arguments: { a: marked('argument') },
    argv: [marked('argv')],
    stdin: marked('stdin'),
    env: { A: marked('env') },
    files: [{ path: marked('in'), content: marked('file') }],
  }
  const callback = { url: `http://127.0.0.1:1/hook?token=${marked('token')}`, secret }
  const { id } = await submit(ANN, { ...run, callback }, { 'idempotency-key': marked('key') })
  await state(id)
  await client.run(run, as(ANN))
  await client.run(run, as(ANN, { accept: 'text/event-stream' })).catch(() => {})
  await client.post('/v1/batches', { runs: [run, run] }, as(ANN))
  await client.run({ ...run, limits: { wall_ms: 1e9 } }, as(ANN))
  await client.fetch(`/v1/runs/${id}/files/${marked('path')}`, as(ANN))
  runs.start = async () => {
    throw new Error('an error of ours')
  }
  expect((await client.run(run, as(ANN))).status).toBe(500)
  expect(log).toContain(id)
  expect(log).toContain('an error of ours')
  for (const word of ['marked-', secret, ANN, BOB]) expect(log).not.toContain(word)
})
