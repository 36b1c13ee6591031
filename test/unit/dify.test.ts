import { describe, expect, test } from 'vitest'
import { ApiKeys } from '../../src/api/api-keys.ts'
import { ManagerError } from '../../src/errors.ts'
import type { RunOutcome } from '../../src/run/types.ts'
import { askDify } from '../support/dify-client.ts'
import { FakeRuns, openDoors, outcomeWith, useDoors } from '../support/door.ts'

/** Dify's door over runs that never happen. */
const key = 'a-key-of-the-tests'
const runs = new FakeRuns()
const door = useDoors(runs, { keys: ApiKeys.parse(`dify:${key}`) as ApiKeys })

const run = (code = 'x') => askDify({ endpoint: door.url, key }, 'python3', code)
const post = (body: string, more: Record<string, string> = {}, path = '/v1/sandbox/run') =>
  fetch(door.url + path, {
    method: 'POST',
    headers: { 'content-type': 'application/json', 'x-api-key': key, ...more },
    body,
  })
const VALID = JSON.stringify({ language: 'python3', code: 'x', dependencies: [{ name: 'y' }] })

test.each(['', '/dify'])('with the prefix "%s": health is open, and code runs', async (prefix) => {
  const health = await fetch(`${door.url}${prefix}/health`)
  expect([health.status, await health.text()]).toEqual([200, '"ok"'])
  const answer = await askDify({ endpoint: door.url + prefix, key }, 'python3', 'print("é")')
  expect(answer).toEqual({
    status: 200,
    body: {
      code: 0,
      message: 'success',
      data: { stdout: '', stderr: '', error: '', exit_code: 0 },
    },
  })
  expect(runs.requests).toMatchObject([
    { caller: 'dify', template: 'python', program: { mode: 'script' }, files: [] },
  ])
  expect(runs.requests[0]?.program.code.toString()).toBe('print("é")')
})

test.each<[string, Partial<RunOutcome>, object]>([
  ['a warning', { stderr: Buffer.from('careful\n') }, { error: '', stderr: 'careful\n' }],
  [
    'an exit code',
    { exitCode: 3, stdout: Buffer.from('1'), stderr: Buffer.from('oh\n') },
    { error: 'process exited with code 3\noh\n', stdout: '1', exit_code: 3 },
  ],
  [
    'a time limit',
    { end: 'time', exitCode: null, stdout: Buffer.from('1') },
    { error: 'process exited with code -1\nerror: timeout\n', stdout: '1', exit_code: -1 },
  ],
  [
    'a signal',
    { end: 'signal', exitCode: null, signal: 9 },
    { error: 'process exited with code -1\nerror: signal: killed\n' },
  ],
])('%s is told as Dify reads it', async (_name, part, data) => {
  runs.end = async () => outcomeWith(part)
  expect((await run()).body).toMatchObject({ code: 0, message: 'success', data })
})

test.each([
  ['a wrong language', '{"language": "perl", "code": "x"}', {}, 400, -400],
  ['no code', '{"language": "python3"}', {}, 400, -400],
  ['empty code', '{"language": "python3", "code": ""}', {}, 400, -400],
  ['no JSON', '{', {}, 400, -400],
  [
    'no JSON, in another type',
    '{',
    { 'content-type': 'application/json; charset=utf-8' },
    200,
    -400,
  ],
  ['a web page', VALID, { origin: 'https://example.org' }, 403, -403],
] as const)('%s is refused in the envelope', async (_name, body, more, status, code) => {
  const answer = await post(body, more)
  expect(answer.status).toBe(status)
  expect(await answer.json()).toEqual({ code, message: expect.any(String), data: null })
  expect(runs.requests).toEqual([])
})

test('a wrong key is answered 401 without a body', async () => {
  const answer = await post(VALID, { 'x-api-key': 'dify-sandbox' })
  expect([answer.status, await answer.text()]).toEqual([401, ''])
})

test('a form is taken', async () => {
  const form = new URLSearchParams({ language: 'python3', code: 'print(1)' })
  const answer = await post(`${form}`, { 'content-type': 'application/x-www-form-urlencoded' })
  expect(answer.status).toBe(200)
  expect(runs.requests[0]?.program.code.toString()).toBe('print(1)')
})

test('megabytes of code are read in a thread of their own', async () => {
  const code = `#${'\n'.repeat(1_000_000)}`
  expect((await run(code)).status).toBe(200)
  expect(runs.requests[0]?.program.code.toString()).toBe(code)
})

describe('what fails on our side', () => {
  test('is 503 while nothing has run', async () => {
    const busy = { ...runs, start: async () => Promise.reject(new ManagerError('POOL_BUSY', 'x')) }
    const full = await openDoors(busy as unknown as FakeRuns)
    const answer = await askDify({ endpoint: full.url, key: '' }, 'python3', 'x')
    expect(answer).toMatchObject({
      status: 503,
      body: { code: -503, message: 'Too many requests' },
    })
    await full.close()
  })

  test.each(['ENGINE_FAILED', 'RUN_UNOBSERVED', 'POOL_BUSY'] as const)(
    'is never 5xx once code has run: %s',
    async (code) => {
      runs.end = async () => {
        throw new ManagerError(code, 'x')
      }
      expect(await run()).toMatchObject({ status: 200, body: { code: -500, data: null } })
    },
  )
})

test('dependencies are those of the image', async () => {
  const get = async (query: string) => {
    const url = `${door.url}/v1/sandbox/dependencies${query}`
    const answer = await fetch(url, { headers: { 'x-api-key': key } })
    return [answer.status, await answer.json()]
  }
  expect(await get('?language=python3')).toMatchObject([
    200,
    { code: 0, data: { dependencies: [{ name: 'numpy', version: '1.24.2' }] } },
  ])
  expect(await get('?language=perl')).toMatchObject([400, { code: -400 }])
  expect(await get('')).toMatchObject([200, { code: -400 }])
  const update = await post('{"language": "python3"}', {}, '/v1/sandbox/dependencies/update')
  expect(await update.json()).toEqual({ code: 0, message: 'success', data: {} })
})
