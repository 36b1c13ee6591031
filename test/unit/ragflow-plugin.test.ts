import { describe, expect, test } from 'vitest'
import { ManagerError } from '../../src/errors.ts'
import { type Answer, base64, Client } from '../support/client.ts'
import { FakeRuns, openDoors, outcomeWith, useDoors } from '../support/door.ts'

/** RAGFlow's front door over runs that never happen. */
const runs = new FakeRuns()
const client = new Client()
const door = useDoors(runs, {}, client)

const BODY = JSON.stringify({
  code_b64: base64('x = 1'),
  language: 'python3',
  arguments: { a: 1 },
})

test('a body becomes a request in neutral words', async () => {
  await client.post(BODY)
  expect(runs.requests).toMatchObject([
    {
      caller: '127.0.0.1',
      template: 'python',
      program: { mode: 'function', argv: [] },
      stdin: null,
      env: {},
      files: [],
      limits: {},
      collect: null,
    },
  ])
  expect(runs.requests[0]?.program.code.toString()).toBe('x = 1')
  expect(runs.requests[0]?.program.argumentsJson.toString()).toBe('{"a":1}')
})

test('its backend in Go names an image, and no arguments', async () => {
  const body = { code_b64: base64('x = 1'), language: 'python', base_image: 'x:1', arguments: null }
  expect((await client.post(JSON.stringify(body))).status).toBe(200)
  expect(runs.requests[0]?.program.argumentsJson.toString()).toBe('{}')
})

test('an outcome becomes the answer', async () => {
  const files = [{ path: 'plots/a.png', content: Buffer.from('x') }]
  runs.end = async () => outcomeWith({ stdout: Buffer.from('hi'), resultJson: '1.0', files })
  const response = await client.post(BODY)
  expect(response.headers.get('server-timing')).toBe(
    'queue;dur=1.000, execute;dur=2.000, collect;dur=3.000',
  )
  const text = await response.text()
  expect(text).toContain('"result":{"present":true,"value":1.0,"type":"json"}')
  expect(JSON.parse(text)).toMatchObject({
    status: 'success',
    exit_code: 0,
    stdout: 'hi',
    time_used_ms: 2.5,
    memory_used_kb: 1024,
    artifacts: [{ name: 'a.png', mime_type: 'image/png', size: 1, content_b64: 'eA==' }],
  })
  expect(await door.metrics.registry.metrics()).toContain(
    'runs_total{runtime="python",outcome="success"}',
  )
})

test('result and files of a run that did not succeed are not shown', async () => {
  const files = [{ path: 'a.png', content: Buffer.from('x') }]
  const part = { stdout: Buffer.from('hi'), resultJson: '1', files }
  runs.end = async () => outcomeWith({ end: 'time', exitCode: null, ...part })
  expect(await (await client.post(BODY)).json()).toMatchObject({
    status: 'resource_limit_exceeded',
    exit_code: -124,
    stdout: '',
    partial_stdout: 'hi',
    artifacts: [],
    result: null,
  })
})

describe('a run without an outcome', () => {
  const failWith = (error: Error) => {
    runs.end = async () => {
      throw error
    }
  }

  test.each([
    ['POOL_BUSY', -10],
    ['ENGINE_FAILED', -3],
    ['EXECUTOR_LOST', -3],
  ] as const)('%s is answered with exit code %i', async (code, exitCode) => {
    failWith(new ManagerError(code, 'for the log'))
    const response = await client.post(BODY)
    expect(response.status).toBe(200)
    const answer = (await response.json()) as Answer
    expect(answer).toMatchObject({ status: 'program_runner_error', exit_code: exitCode })
    expect(JSON.stringify(answer)).not.toContain('for the log')
  })

  test('a defect of ours is an internal error', async () => {
    failWith(new TypeError('x is undefined'))
    expect(await (await client.post(BODY)).json()).toMatchObject({ exit_code: -3 })
  })

  test.each([
    ['SHUTTING_DOWN', null],
    ['REQUEST_NOT_READ', '1'],
  ] as const)(
    '%s is answered by the error table, and after the start of a run as a result',
    async (code, retryAfter) => {
      const error = new ManagerError(code, 'A sentence.')
      failWith(error)
      const started = await client.post(BODY)
      // RAGFlow sends a run again after 5xx.
      expect([started.status, await started.json()]).toMatchObject([200, { exit_code: -3 }])
      const before = await openDoors({ start: () => Promise.reject(error) })
      const response = await fetch(`${before.url}/run`, {
        method: 'POST',
        headers: { 'content-type': 'application/json' },
        body: BODY,
      })
      expect(response.status).toBe(503)
      expect(response.headers.get('retry-after')).toBe(retryAfter)
      expect(await response.json()).toEqual({ detail: 'A sentence.' })
      await before.close()
    },
  )

  test('one whose caller has gone is told so', async () => {
    const controller = new AbortController()
    const gone = new Promise<void>((resolve) => {
      runs.end = (_request, signal) =>
        new Promise((_resolve, reject) => {
          signal.addEventListener('abort', () => {
            resolve()
            reject(new ManagerError('RUN_CANCELLED', 'The caller has gone.'))
          })
          controller.abort()
        })
    })
    await expect(client.post(BODY, { signal: controller.signal })).rejects.toThrow()
    await gone
  })
})

test.each([
  ['no body', '', 422],
  ['no code', '{}', 422],
  ['no JSON', '{', 422],
])('%s is refused', async (_what, body, status) => {
  expect((await client.post(body)).status).toBe(status)
  expect(runs.requests).toEqual([])
})

test('a body that is not called JSON is refused', async () => {
  const response = await client.post(BODY, { headers: { 'content-type': 'text/plain' } })
  expect(response.status).toBe(422)
  expect(await response.json()).toMatchObject({ detail: [{ loc: ['header', 'content-type'] }] })
})

test('a caller beyond its rate is told in the words of the contract', async () => {
  const limited = await openDoors(runs, { rateLimit: { runs: 1, windowMs: 60_000 } })
  const caller = new Client()
  caller.url = limited.url
  expect(await (await caller.post(BODY)).json()).toMatchObject({ exit_code: 0 })
  const response = await caller.post(BODY)
  expect(response.status).toBe(200)
  expect(await response.json()).toMatchObject({ exit_code: -429 })
  await limited.close()
})
