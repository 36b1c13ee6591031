import { createServer, type IncomingMessage, type ServerResponse } from 'node:http'
import type { AddressInfo } from 'node:net'
import { afterAll, afterEach, beforeAll, beforeEach, describe, expect, test } from 'vitest'
import { type AcceptedRunEvent, ExecutorManager } from '../../clients/typescript/src/index.ts'
import { type CuttingProxy, openCuttingProxy } from '../support/cutting-proxy.ts'
import { FakeRuns, openDoors, outcomeWith } from '../support/door.ts'

/** The TypeScript client's calls for accepted runs. */
const RUN = { language: 'python', code: 'print(1)' }

describe('over connections that break', () => {
  const runs = new FakeRuns()
  let door: Awaited<ReturnType<typeof openDoors>>
  let proxy: CuttingProxy
  let client: ExecutorManager
  beforeEach(async () => {
    runs.requests.length = 0
    runs.events = [
      { type: 'started', queueMs: 1 },
      ...['one', 'two'].map((text) => ({ type: 'stdout', bytes: Buffer.from(text) }) as const),
    ]
    runs.end = async () =>
      outcomeWith({
        stdout: Buffer.from('onetwo'),
        files: [{ path: 'a b/ü', content: Buffer.from('file') }],
      })
    door = await openDoors(runs)
    proxy = await openCuttingProxy(door.url)
    client = new ExecutorManager({ url: proxy.url })
  })
  afterEach(async () => {
    proxy.close()
    await door.close()
  })

  test.each([0, 1, 150, 400])(
    'a run whose 202 breaks off after %i bytes is accepted once',
    async (bytes) => {
      proxy.cuts.push(bytes, bytes)
      const { id } = await client.submit(RUN)
      expect(await client.wait(id)).toMatchObject({ status: 'succeeded', stdout: 'onetwo' })
      expect(runs.requests).toHaveLength(1)
    },
  )

  test('a key of the caller names one run, whatever breaks', async () => {
    proxy.cuts.push(10)
    const first = await client.submit(RUN, { idempotencyKey: 'order-1' })
    const again = await client.submit(RUN, { idempotencyKey: 'order-1' })
    expect(again).toEqual(first)
    const other = client.submit({ ...RUN, code: '2' }, { idempotencyKey: 'order-1' })
    await expect(other).rejects.toMatchObject({ type: 'key-reused', status: 422 })
  })

  test('state, outcome and files are asked for again', async () => {
    const { id } = await client.submit(RUN)
    // Each of them breaks once: in its head, or in its body.
    for (const bytes of [5, 300]) {
      const own = new ExecutorManager({ url: proxy.url })
      proxy.cuts.push(bytes)
      const { files } = await own.wait(id)
      proxy.cuts.push(bytes)
      expect((await own.get(id)).status).toBe('succeeded')
      proxy.cuts.push(bytes)
      const content = await own.readFile(files[0] as (typeof files)[0])
      expect(Buffer.from(content).toString()).toBe('file')
    }
  })

  test('events are gone on with behind the last one, and none comes twice', async () => {
    const { id } = await client.submit(RUN)
    await client.wait(id)
    const collect = async (own: ExecutorManager) => {
      const events: AcceptedRunEvent[] = []
      for await (const event of own.events(id)) events.push(event)
      return events
    }
    const whole = await collect(client)
    expect(whole.map(({ event }) => event)).toEqual(['started', 'stdout', 'done'])
    for (const bytes of [600, 650, 700]) {
      proxy.cuts.push(bytes)
      expect(await collect(new ExecutorManager({ url: proxy.url }))).toEqual(whole)
    }
  })

  test('a run that executes is canceled, and wait says so', async () => {
    let begun = () => {}
    const running = new Promise<void>((resolve) => {
      begun = resolve
    })
    runs.end = (_run, signal) =>
      new Promise((_resolve, reject) => {
        begun()
        signal.addEventListener('abort', () => reject(signal.reason))
      })
    const { id } = await client.submit(RUN)
    await running
    const waiting = expect(client.wait(id)).rejects.toMatchObject({ status: expect.any(Number) })
    expect((await client.cancel(id))?.outcome).toBeNull()
    await waiting
    expect(await client.cancel(id)).toBeNull()
    await expect(client.get(id)).rejects.toMatchObject({ type: 'not-found', status: 404 })
  })
})

describe('against answers that are made up', () => {
  const answers: ((response: ServerResponse) => void)[] = []
  const asked: { method: string; headers: IncomingMessage['headers'] }[] = []
  const server = createServer((request, response) => {
    asked.push({ method: request.method ?? '', headers: request.headers })
    request.resume().on('end', () => (answers.shift() ?? json(500, {}))(response))
  })
  let client: ExecutorManager
  beforeAll(async () => {
    await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve))
    const { port } = server.address() as AddressInfo
    client = new ExecutorManager({ url: `http://127.0.0.1:${port}` })
  })
  afterAll(() => {
    server.closeAllConnections()
    server.close()
  })
  beforeEach(() => {
    asked.length = answers.length = 0
  })
  const json =
    (status: number, body: object, headers = {}) =>
    (response: ServerResponse) => {
      const type = status >= 400 ? 'application/problem+json' : 'application/json'
      response.writeHead(status, { 'content-type': type, ...headers }).end(JSON.stringify(body))
    }
  const problem = (name: string, status: number, retryAfter: string) =>
    json(status, { type: `/problems/${name}`, status, detail: name }, { 'retry-after': retryAfter })

  test('a submission waits as Retry-After says, and keeps its key', async () => {
    answers.push(problem('too-much-held', 429, '1'), problem('storage-full', 507, '0'))
    answers.push(json(202, { id: 'x' }))
    const begun = performance.now()
    expect(await client.submit(RUN)).toEqual({ id: 'x' })
    expect(performance.now() - begun).toBeGreaterThan(950)
    const keys = asked.map(({ headers }) => headers['idempotency-key'])
    expect(keys).toHaveLength(3)
    expect(new Set(keys).size).toBe(1)
    answers.push(json(202, { id: 'y' }))
    await client.submit(RUN)
    expect(asked[3]?.headers['idempotency-key']).not.toBe(keys[0])
  })

  test('waiting asks again until there is an outcome, or a reason why there is none', async () => {
    const state = { outcome: null, problem: null }
    answers.push(
      json(200, state),
      json(200, state),
      json(200, { ...state, outcome: { stdout: '1' } }),
    )
    expect(await client.wait('x')).toEqual({ stdout: '1' })
    expect(asked.map(({ headers }) => headers.prefer)).toEqual(Array(3).fill('wait=30'))
    answers.push(
      json(200, { ...state, problem: { type: '/problems/lost', status: 500, detail: 'gone' } }),
    )
    await expect(client.wait('x')).rejects.toMatchObject({ type: 'lost', message: 'gone' })
  })

  test('a cancel whose connection broke is not sent again', async () => {
    answers.push((response) => response.destroy())
    await expect(client.cancel('x')).rejects.toMatchObject({ type: 'unreachable' })
    expect(asked).toHaveLength(1)
  })
})
