import { once } from 'node:events'
import { createServer } from 'node:http'
import type { AddressInfo } from 'node:net'
import { text } from 'node:stream/consumers'
import { describe, expect, onTestFinished, test } from 'vitest'
import { ApiKeys } from '../../src/api/api-keys.ts'
import { readConfig } from '../../src/config.ts'
import { FakeRuns, outcomeWith, useDoors } from '../support/door.ts'
import { zipOf } from '../support/zip.ts'

/** The door for Judge0's clients over runs that never happen. */
const KEY = 'a-key-of-the-tests'
const OTHER = 'another-key-of-them'
const runs = new FakeRuns()
const keys = ApiKeys.parse(`one:${KEY},other:${OTHER}`) as ApiKeys
const { jobs, limits } = readConfig({})
const policy = { public: false, names: [], ranges: ['127.0.0.1'] }
const door = useDoors(runs, { keys, jobs: { ...jobs, webhooks: { policy, secret: null } } })

async function ask(method: string, path: string, body?: object, key = KEY) {
  const answer = await fetch(door.url + path, {
    method,
    headers: { 'x-auth-token': key, ...(body && { 'content-type': 'application/json' }) },
    ...(body && { body: JSON.stringify(body) }),
  })
  const said = await answer.text()
  return { status: answer.status, body: said === '' ? null : JSON.parse(said) }
}
const submit = (body: object, query = '?wait=true', key = KEY) =>
  ask('POST', `/submissions${query}`, body, key)
const base64 = (said: string) => Buffer.from(said).toString('base64')
const RUN = { language_id: 71, source_code: 'print(1)' }

test('what there is, is listed', async () => {
  const { body: languages } = await ask('GET', '/languages')
  expect(languages).toEqual([71, 92, 100, 109, 113].map((id) => ({ id, name: 'Python (3.11.2)' })))
  expect((await ask('GET', '/judge0/languages/all')).body[0]).toMatchObject({ is_archived: false })
  expect((await ask('GET', '/languages/71')).body).toMatchObject({
    id: 71,
    source_file: 'script.py',
  })
  expect((await ask('GET', '/languages/50')).status).toBe(404)
  const { body: statuses } = await ask('GET', '/statuses')
  expect(statuses).toHaveLength(14)
  expect(statuses[10]).toEqual({ id: 11, description: 'Runtime Error (NZEC)' })
  expect((await ask('GET', '/about')).body.version).toBe('1.13.1')
  expect(Object.keys((await ask('GET', '/config_info')).body)).toHaveLength(39)
  expect((await ask('GET', '/workers')).body).toMatchObject([{ queue: 'default', idle: 1 }])
  expect((await ask('GET', '/system_info')).status).toBe(200)
  expect((await ask('POST', '/authenticate')).status).toBe(200)
  expect((await ask('POST', '/authenticate', undefined, 'x')).status).toBe(401)
})

test('all that is asked reaches the run, and what came of it is told', async () => {
  runs.end = async () => outcomeWith({ stdout: Buffer.from('é\n'), stderr: Buffer.from('careful') })
  const asked = {
    language_id: 100,
    source_code: base64('print("é")'),
    stdin: base64('in'),
    expected_output: base64('é'),
    command_line_arguments: 'a "b c"',
    cpu_time_limit: 1,
    wall_time_limit: '1.5',
    memory_limit: 65_536,
    max_processes_and_or_threads: 10,
  }
  const { status, body } = await submit(asked, '?base64_encoded=true&wait=true')
  expect([status, body]).toEqual([
    201,
    {
      ...{ stdout: `${base64('é\n')}\n`, stderr: `${base64('careful')}\n`, time: '0.001' },
      ...{ memory: 1024, token: expect.stringMatching(/^[\da-f-]{36}$/), compile_output: null },
      ...{ message: null, status: { id: 3, description: 'Accepted' } },
    },
  ])
  const [run] = runs.requests
  expect(run).toMatchObject({ caller: 'one', template: 'python', program: { argv: ['a', 'b c'] } })
  expect([run?.program.code.toString(), run?.stdin?.toString()]).toEqual(['print("é")', 'in'])
  expect(run?.limits).toEqual({
    ...{ cpuTimeMs: 1000, wallTimeMs: 1500, memoryBytes: 64 * 1024 ** 2, processes: 10 },
  })
  const whole = await ask('GET', `/submissions/${body.token}?fields=*`)
  expect(whole.body).toMatchObject({
    ...{ source_code: 'print("é")', stdin: 'in', expected_output: 'é', stdout: 'é\n' },
    ...{ language: { id: 100, name: 'Python (3.11.2)' }, status_id: 3, exit_code: 0 },
    ...{ cpu_time_limit: 1, command_line_arguments: 'a "b c"', wall_time: '0.003' },
    ...{ created_at: expect.stringMatching(/Z$/), finished_at: expect.stringMatching(/Z$/) },
  })
  const some = await ask('GET', `/submissions/${body.token}?fields=status_id,stdout`)
  expect(some.body).toEqual({ status_id: 3, stdout: 'é\n' })
  expect(await ask('GET', `/submissions/${body.token}?fields=x,token`)).toEqual({
    status: 400,
    body: { error: 'invalid fields: [x]' },
  })
})

test.each([
  [{}, { expected_output: '1' }, 4, null],
  [{ stdout: Buffer.from('1  \n\n') }, { expected_output: '1' }, 3, null],
  [{ end: 'time', exitCode: null }, {}, 5, 'Time limit exceeded'],
  [{ end: 'signal', exitCode: null, signal: 11 }, {}, 7, 'Caught fatal signal 11'],
  [{ end: 'output', exitCode: null, flooded: 'stdout' }, {}, 8, expect.any(String)],
  [{ end: 'signal', exitCode: null, signal: 8 }, {}, 9, 'Caught fatal signal 8'],
  [{ end: 'signal', exitCode: null, signal: 6 }, {}, 10, 'Caught fatal signal 6'],
  [{ exitCode: 3 }, { expected_output: '1' }, 11, 'Exited with error status 3'],
  [{ end: 'signal', exitCode: null, signal: 9 }, {}, 12, 'Caught fatal signal 9'],
  [{ end: 'memory', exitCode: null }, {}, 12, expect.any(String)],
] as const)('an end %j', async (end, more, id, message) => {
  runs.end = async () => outcomeWith(end)
  expect((await submit({ ...RUN, ...more })).body).toMatchObject({ status: { id }, message })
})

test('stderr goes to stdout where that is asked for, in the order in which it came', async () => {
  const say = (type: 'stdout' | 'stderr', said: string) => ({ type, bytes: Buffer.from(said) })
  runs.events = [
    { type: 'started', queueMs: 1 },
    ...[say('stdout', 'a'), say('stderr', 'b'), say('stdout', 'c')],
  ]
  runs.end = async () => outcomeWith({ stdout: Buffer.from('ac'), stderr: Buffer.from('b') })
  const asked = { ...RUN, redirect_stderr_to_stdout: true, expected_output: 'abc' }
  const { body } = await submit(asked)
  expect(body).toMatchObject({ stdout: 'abc', stderr: null, status: { id: 3 } })
})

test('a submission that waits or runs, is its caller’s only, and is deleted', async () => {
  let end = () => {}
  const ended = new Promise<void>((resolve) => {
    end = resolve
  })
  runs.end = async () => {
    await ended
    return outcomeWith()
  }
  const { status, body } = await submit(RUN, '')
  expect([status, Object.keys(body)]).toEqual([201, ['token']])
  const at = `/submissions/${body.token}`
  await expect.poll(async () => (await ask('GET', at)).body.status.id).toBe(2)
  expect((await ask('DELETE', at)).status).toBe(400)
  for (const method of ['GET', 'DELETE']) {
    expect((await ask(method, at, undefined, OTHER)).status).toBe(404)
  }
  const others = await ask('GET', `/submissions/batch?tokens=${body.token}`, undefined, OTHER)
  expect(others.body).toEqual({ submissions: [null] })
  end()
  await expect.poll(async () => (await ask('GET', at)).body.status.id).toBe(3)
  expect((await ask('DELETE', `${at}?fields=token`)).body).toEqual({ token: body.token })
  expect((await ask('GET', at)).status).toBe(404)
})

test('a large submission is read as far as it is asked for', async () => {
  runs.end = async () => outcomeWith({ stdout: Buffer.from('x'.repeat(1_000_000)) })
  const source_code = `#${'é'.repeat(1_000_000)}`
  const large = { ...RUN, source_code, stdin: 'in', expected_output: 'x'.repeat(1_000_000) }
  const { body } = await submit(large)
  expect(body.status.id).toBe(3)
  const { body: whole } = await ask('GET', `/submissions/${body.token}?fields=*`)
  expect([whole.source_code === source_code, whole.stdin]).toEqual([true, 'in'])
  expect(whole.expected_output).toHaveLength(1_000_000)
  await expect.poll(() => door.accounts.answers.total).toBe(0)
})

test('a submission that is asked for twice at once is told twice', async () => {
  runs.end = async () => outcomeWith({ stdout: Buffer.from('1') })
  const { body } = await submit({ ...RUN, expected_output: '2' })
  const at = `/submissions/batch?tokens=${body.token},${body.token}&fields=`
  const one = { status_id: 4 }
  expect((await ask('GET', `${at}status_id`)).body).toEqual({ submissions: [one, one] })
  const told = { ...one, expected_output: '2', stdin: null }
  const { body: whole } = await ask('GET', `${at}status_id,expected_output,stdin`)
  expect(whole).toEqual({ submissions: [told, told] })
})

test('a batch is taken, each for itself', async () => {
  const submissions = [RUN, { ...RUN, language_id: 50 }, RUN]
  const { status, body } = await ask('POST', '/submissions/batch', { submissions })
  expect([status, body]).toEqual([
    201,
    [
      { token: expect.any(String) },
      { language_id: ["language with id 50 doesn't exist"] },
      { token: expect.any(String) },
    ],
  ])
  const tokens = `${body[0].token},x,${body[2].token}`
  const got = async () =>
    (await ask('GET', `/submissions/batch?tokens=${tokens}&fields=status_id`)).body.submissions
  await expect.poll(got).toEqual([{ status_id: 3 }, null, { status_id: 3 }])
  const many = { submissions: Array.from({ length: 21 }, () => RUN) }
  expect((await ask('POST', '/submissions/batch', many)).status).toBe(400)
  expect((await ask('POST', '/submissions/batch', { submissions: [] })).status).toBe(400)
})

test('additional files lie beside the program', async () => {
  runs.end = async () => outcomeWith()
  const content = Buffer.from('VALUE = 42\n'.repeat(100))
  const zip = zipOf([
    { path: 'pack/', content: Buffer.alloc(0) },
    { path: 'pack/one.py', content, isDeflated: true },
    { path: 'data.bin', content: Buffer.from([0, 255]) },
    { path: 'empty', content: Buffer.alloc(0), isDeflated: true },
  ])
  const { status, body } = await submit({ ...RUN, additional_files: zip.toString('base64') })
  expect([status, body.status?.id]).toEqual([201, 3])
  expect(runs.requests[0]?.files).toEqual([
    { path: 'pack/one.py', content },
    { path: 'data.bin', content: Buffer.from([0, 255]) },
    { path: 'empty', content: Buffer.alloc(0) },
  ])
  const kept = await ask('GET', `/submissions/${body.token}?fields=additional_files,source_code`)
  expect(Buffer.from(kept.body.additional_files, 'base64')).toEqual(zip)
  expect(kept.body.source_code).toBe(RUN.source_code)
  await expect.poll(() => door.accounts.uploads.total).toBe(0)
})

test('the list has the caller’s own submissions by pages, the youngest first', async () => {
  runs.end = async () => outcomeWith()
  const tokens: string[] = []
  for (let one = 0; one < 3; one++) tokens.unshift((await submit(RUN)).body.token)
  await submit(RUN, '?wait=true', OTHER)
  const { body: all } = await ask('GET', '/submissions?fields=token')
  const listed = all.submissions.map(({ token }: { token: string }) => token)
  expect(listed.slice(0, 3)).toEqual(tokens)
  const total = listed.length
  const { body: page } = await ask('GET', '/submissions?page=2&per_page=1&fields=token')
  expect(page).toEqual({
    submissions: [{ token: tokens[1] }],
    meta: {
      ...{ current_page: 2, next_page: 3, prev_page: 1 },
      ...{ total_pages: total, total_count: total },
    },
  })
  const { body: others } = await ask('GET', '/submissions?fields=token', undefined, OTHER)
  expect(others.submissions.some(({ token }: { token: string }) => tokens.includes(token))).toBe(
    false,
  )
  for (const query of ['page=0', 'page=x', 'per_page=0', 'per_page=101', 'page=1e9']) {
    expect((await ask('GET', `/submissions?${query}`)).status).toBe(400)
  }
})

describe('what is refused', () => {
  const seconds = limits.wallTimeMs / 1000
  test.each([
    [{}, { language_id: ["can't be blank"], source_code: ["can't be blank"] }],
    [{ ...RUN, language_id: 'x' }, { language_id: ["language with id x doesn't exist"] }],
    [
      { ...RUN, wall_time_limit: seconds + 1 },
      { wall_time_limit: [`must be less than or equal to ${seconds}`] },
    ],
    [{ ...RUN, memory_limit: 'x' }, { memory_limit: ['is not a number'] }],
    [{ ...RUN, cpu_time_limit: -1 }, { cpu_time_limit: ['must be greater than or equal to 0'] }],
    [{ ...RUN, number_of_runs: 2 }, { number_of_runs: ['must be less than or equal to 1'] }],
    [{ ...RUN, enable_network: true }, { enable_network: ['enabling network is not allowed'] }],
    [{ ...RUN, compiler_options: '-O3' }, { compiler_options: [expect.any(String)] }],
    [{ ...RUN, additional_files: 'UEs=' }, { additional_files: ['is not a zip archive'] }],
    [{ ...RUN, command_line_arguments: '"' }, { command_line_arguments: ['is invalid'] }],
    [
      { ...RUN, callback_url: 'http://127.0.0.2/' },
      { callback_url: ['the operator does not allow this address'] },
    ],
  ])('%j', async (asked, wrong) => {
    expect(await submit(asked)).toEqual({ status: 422, body: wrong })
    expect(runs.requests).toEqual([])
  })
})

test('a callback gets the submission, and is tried again', async () => {
  const got: { method: string | undefined; body: string }[] = []
  const receiver = createServer(async (request, response) => {
    got.push({ method: request.method, body: await text(request) })
    if (got.length === 1) request.socket.destroy()
    else response.end()
  }).listen(0, '127.0.0.1')
  await once(receiver, 'listening')
  onTestFinished(() => void receiver.close())
  runs.end = async () => outcomeWith({ stdout: Buffer.from('1\n') })
  const { port } = receiver.address() as AddressInfo
  const callback_url = `http://127.0.0.1:${port}/done`
  const { token } = (await submit({ ...RUN, callback_url }, '')).body
  await expect.poll(() => got.length, { timeout: 30_000 }).toBe(2)
  const [first, second] = got
  expect(first).toEqual(second)
  expect(first?.method).toBe('PUT')
  expect(JSON.parse(first?.body ?? '')).toMatchObject({
    token,
    stdout: 'MQo=\n',
    status: { id: 3 },
  })
})
