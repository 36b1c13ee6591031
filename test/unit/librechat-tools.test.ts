import { expect, test } from 'vitest'
import { ManagerError } from '../../src/errors.ts'
import type { RunRequest } from '../../src/run/types.ts'
import { FakeRuns, KEY, keys, OTHER, outcomeWith, useDoors } from '../support/door.ts'

/** Programs that call tools of LibreChat's, over runs that a test makes up. */
const runs = new FakeRuns()
const door = useDoors(runs, { keys })

const post = async (
  body: object | string,
  { key = KEY, path = '', headers = {} }: { key?: string; path?: string; headers?: object } = {},
) => {
  const answer = await fetch(`${door.url}/librechat/v1/exec/programmatic${path}`, {
    method: 'POST',
    headers: { 'content-type': 'application/json', 'x-api-key': key, ...headers },
    body: typeof body === 'string' ? body : JSON.stringify(body),
  })
  // biome-ignore lint/suspicious/noExplicitAny: tests look into it
  return { status: answer.status, value: (await answer.json()) as any }
}
const TOOLS = [
  { name: 'get-weather', parameters: { type: 'object', properties: { city: {}, day: {} } } },
  { name: 'class' },
]
const first = (more: object = {}) => post({ code: 'await x()', tools: TOOLS, ...more })
/** What the program of a run has read. */
const requestOf = ({ stdin }: RunRequest) => JSON.parse(String(stdin))
/** A program that prints, then calls tools by their index. */
const calling =
  (printed: string, ...calls: [tool: number, input: string][]) =>
  async (request: RunRequest) => {
    const { mark } = requestOf(request)
    const lines = calls.map(([tool, input]) => `${tool}\t${input}\n`).join('')
    return outcomeWith({ stdout: Buffer.from(`${printed}\n${mark}\n${lines}${mark}\n`) })
  }
const SF = '{"city":"SF"}'

test('a program is run anew with each answer, until it calls no more tools', async () => {
  runs.end = calling('before\n', [0, SF], [1, '{}'])
  const asked = await first({ session_id: 'x', timeout: 5000, unknown: 1 })
  expect(asked).toMatchObject({
    status: 200,
    value: {
      status: 'tool_call_required',
      tool_calls: [
        { id: 'call_001', name: 'get-weather', input: { city: 'SF' } },
        { id: 'call_002', name: 'class', input: {} },
      ],
      partial_stdout: 'before\n',
      session_id: expect.stringMatching(/^[\w-]{21}$/),
    },
  })
  const { continuation_token, session_id } = asked.value
  const tools = [
    { identifier: 'get_weather', parameters: ['city', 'day'] },
    { identifier: 'class_tool', parameters: [] },
  ]
  const [run] = runs.requests
  expect(run).toMatchObject({ caller: 'one', template: 'python', limits: { wallTimeMs: 5000 } })
  expect(requestOf(run as RunRequest)).toMatchObject({ tools, answers: [] })
  expect(run?.program).toMatchObject({ mode: 'cell' })
  expect(String(run?.program.code)).toMatch(/^from librechat_tools import \*\nawait x\(\)$/)

  // A call that is not answered yet keeps its id.
  runs.end = calling('', [1, '{}'])
  const body = `{"continuation_token": "${continuation_token}", "tool_results": [
    {"call_id": "call_001", "result": {"t": 1.0, "n": 12345678901234567890}}]}`
  const again = await post(body)
  expect(again.value.tool_calls).toEqual([{ id: 'call_002', name: 'class', input: {} }])
  expect(String(runs.requests[1]?.stdin)).toContain('12345678901234567890')

  runs.end = async () =>
    outcomeWith({
      stdout: Buffer.from('done'),
      files: [{ path: 'a.csv', content: Buffer.from('1') }],
    })
  const failed = { call_id: 'call_002', result: null, is_error: true, error_message: 'no' }
  const done = await post({ continuation_token, tool_results: [failed] })
  expect(done.value).toMatchObject({ status: 'completed', stdout: 'done', stderr: '', session_id })
  expect(done.value.files).toMatchObject([{ name: 'a.csv', storage_session_id: session_id }])
  expect(requestOf(runs.requests[2] as RunRequest).answers).toMatchObject([
    { tool: 0, input: SF, result: { t: 1 } },
    { tool: 1, input: '{}', error: 'no' },
  ])
  // It has ended, and what was held for it is given back.
  expect((await post({ continuation_token, tool_results: [failed] })).status).toBe(404)
  expect(door.accounts.uploads.total).toBe(0)
})

test('a program that fails is told with what it has printed', async () => {
  const said = { stdout: Buffer.from('1'), stderr: Buffer.from('Traceback') }
  runs.end = async () => outcomeWith({ exitCode: 1, ...said })
  expect(await first()).toMatchObject({
    status: 200,
    value: { status: 'error', error: expect.any(String), stdout: '1', stderr: 'Traceback' },
  })
  runs.end = calling('', [7, '{}'])
  expect((await first()).value).toMatchObject({ status: 'error' })
  runs.end = calling('', [0, '{"a":'], [0, 'x'])
  expect((await first()).value).toMatchObject({ status: 'error' })
})

test("another caller's program is not there, and one request at a time has it", async () => {
  runs.end = calling('', [0, SF])
  const { continuation_token } = (await first()).value
  const body = { continuation_token, tool_results: [{ call_id: 'call_001', result: 1 }] }
  expect((await post(body, { key: OTHER })).status).toBe(404)
  const wrong = { continuation_token, tool_results: [{ call_id: 'call_009', result: 1 }] }
  expect(await post(wrong)).toMatchObject({ status: 400 })
  let end = () => {}
  runs.end = () => new Promise((resolve) => (end = () => resolve(outcomeWith())))
  const running = post(body)
  await expect.poll(() => runs.requests.length, { timeout: 30_000 }).toBe(2)
  expect((await post(body)).status).toBe(409)
  end()
  expect((await running).value.status).toBe('completed')
})

test('a program outlives what goes wrong on our side', async () => {
  runs.end = calling('', [0, SF])
  const { continuation_token } = (await first()).value
  const body = { continuation_token, tool_results: [{ call_id: 'call_001', result: 1 }] }
  runs.end = async () => Promise.reject(new ManagerError('POOL_BUSY', 'No executor is free.'))
  expect(await post(body)).toEqual({ status: 503, value: { error: 'No executor is free.' } })
  runs.end = async () => outcomeWith()
  expect((await post(body)).value.status).toBe('completed')
})

test('a request is canceled by another one of the same caller', async () => {
  const id = { 'X-LibreChat-Code-Request-ID': 'a-request' }
  const signals: AbortSignal[] = []
  runs.end = (_request, signal) =>
    new Promise((_resolve, reject) => {
      signals.push(signal)
      const gone = () => reject(new ManagerError('RUN_CANCELLED', 'The caller has gone.'))
      signal.addEventListener('abort', gone)
    })
  const running = post({ code: 'x', tools: TOOLS }, { headers: id })
  await expect.poll(() => signals.length, { timeout: 30_000 }).toBe(1)
  const cancel = { request_id: 'a-request' }
  expect((await post(cancel, { path: '/cancel', key: OTHER })).status).toBe(200)
  expect(signals[0]?.aborted).toBe(false)
  expect((await post(cancel, { path: '/cancel' })).status).toBe(200)
  expect((await running).status).toBe(499)
  expect((await post({}, { path: '/cancel' })).status).toBe(400)
  expect((await post('{', { path: '/cancel' })).status).toBe(400)
})

test.each<[string, object | string, string]>([
  ['no code', { tools: TOOLS }, 'Missing required field: code'],
  ['no tools', { code: 'x' }, 'Missing required field: tools'],
  ['an empty list of tools', { code: 'x', tools: [] }, 'tools is not valid'],
  ['too many tools', { code: 'x', tools: Array(101).fill({ name: 'a' }) }, 'tools is not valid'],
  ['another language', { code: 'x', tools: TOOLS, lang: 'r' }, 'Unsupported language'],
  ['the same names', { code: 'x', tools: [{ name: 'a-b' }, { name: 'a b' }] }, 'the same name'],
  ['no name', { code: 'x', tools: [{ name: '!' }] }, 'cannot have a name'],
  ['no answers', { continuation_token: 'x' }, 'must be a list'],
  ['empty answers', { continuation_token: 'x', tool_results: [1] }, 'no answer'],
  ['no JSON', '{', 'not a JSON object'],
])('%s', async (_name, body, error) => {
  const answer = await post(body)
  expect([answer.status, answer.value.error]).toEqual([400, expect.stringContaining(error)])
  expect(runs.requests).toEqual([])
})
