import { afterAll, beforeAll, beforeEach, describe, expect, test } from 'vitest'
import { ApiKeys } from '../../src/api/api-keys.ts'
import { PROBLEMS } from '../../src/api/v1/problems.ts'
import { ManagerError } from '../../src/errors.ts'
import { MIB } from '../../src/lib/units.ts'
import type { RunOutcome } from '../../src/run/types.ts'
import { FakeRuns, openDoors, outcomeWith } from '../support/door.ts'
import { NativeClient } from '../support/native-client.ts'

/** The native API over runs that never happen: what goes in, what comes out. */
const runs = new FakeRuns()
const client = new NativeClient()
let door: Awaited<ReturnType<typeof openDoors>>

beforeAll(async () => {
  door = await openDoors(runs)
  client.url = door.url
})
afterAll(() => door.close())
beforeEach(() => {
  runs.requests.length = 0
  runs.events = [{ type: 'started', queueMs: 1 }]
  runs.end = async () => outcomeWith()
})

const RUN = { language: 'python3', code: 'print(1)' }

describe('what goes in', () => {
  test('a cell reaches the run as one, and its value is the result', async () => {
    const displays = [{ 'text/html': '<b>', 'application/json': { a: 1 } }]
    runs.end = async () => outcomeWith({ displays, resultJson: '{"text/plain":"3"}' })
    const { body } = await client.run({ ...RUN, mode: 'cell' })
    expect(runs.requests[0]?.program.mode).toBe('cell')
    expect([body.result, body.displays]).toEqual([{ 'text/plain': '3' }, displays])
  })

  test('every field reaches the run', async () => {
    await client.run({
      language: 'python',
      template: 'python',
      code: 'x',
      mode: 'function',
      arguments: { a: 1.5 },
      argv: ['--fast'],
      stdin: 'in',
      env: { A: 'b' },
      files: [
        { path: 'a/b.csv', content: '1,2' },
        { path: 'c.bin', content_base64: 'AAE=' },
      ],
      limits: { wall_ms: 500, cpu_ms: 300, memory_mb: 64, output_bytes: 100, processes: 8 },
      network: 'none',
      collect: ['*.png'],
    })
    const [request] = runs.requests
    expect(request).toMatchObject({
      caller: '127.0.0.1',
      template: 'python',
      program: { mode: 'function', argv: ['--fast'] },
      env: { A: 'b' },
      limits: {
        wallTimeMs: 500,
        cpuTimeMs: 300,
        memoryBytes: 64 * MIB,
        outputBytes: 100,
        processes: 8,
      },
      collect: ['*.png'],
    })
    expect(request?.program.code.toString()).toBe('x')
    expect(request?.program.argumentsJson.toString()).toBe('{"a":1.5}')
    expect(request?.stdin?.toString()).toBe('in')
    expect(request?.files.map(({ path, content }) => [path, content.toString('hex')])).toEqual([
      ['a/b.csv', '312c32'],
      ['c.bin', '0001'],
    ])
  })

  test('a form says the same', async () => {
    const form = new FormData()
    for (const [name, value] of Object.entries({
      language: 'python',
      mode: 'function',
      stdin: 'in',
    })) {
      form.append(name, value)
    }
    form.append('arguments', '{"a": 1.0}')
    form.append('limits', '{"wall_ms": 500}')
    form.append('env', '{"A": "b"}')
    for (const word of ['one', 'two']) form.append('argv', word)
    form.append('code', new Blob(['print("ü")\r\n']), 'a.py')
    form.append('files', new Blob([Uint8Array.of(0, 13, 10, 45, 45, 255)]), 'data/a "b".bin')
    form.append('files', new Blob(['']), 'empty.txt')
    const { status } = await client.run(form)
    expect(status).toBe(200)
    const [request] = runs.requests
    expect(request).toMatchObject({
      program: { mode: 'function', argv: ['one', 'two'] },
      env: { A: 'b' },
      limits: { wallTimeMs: 500 },
    })
    expect(request?.program.argumentsJson.toString()).toBe('{"a": 1.0}')
    expect(request?.program.code.toString()).toBe('print("ü")\r\n')
    expect(request?.stdin?.toString()).toBe('in')
    expect(request?.files.map(({ path, content }) => [path, content.toString('hex')])).toEqual([
      ['data/a "b".bin', '000d0a2d2dff'],
      ['empty.txt', ''],
    ])
  })

  test.each([
    ['JSON', 'application/json'],
    ['a form', 'multipart/form-data'],
  ])('megabytes of %s are read in a thread of their own', async (_what, type) => {
    const code = `# ${'"\\ü\n'.repeat(100_000)}`
    const content = Buffer.alloc(MIB, 'x')
    if (type === 'application/json') {
      const files = [{ path: 'a.bin', content_base64: content.toString('base64') }]
      await client.run({ ...RUN, code, files })
      await client.run({ ...RUN, code, arguments: { a: 1 } })
    } else {
      const form = new FormData()
      form.append('language', 'python')
      form.append('code', code)
      form.append('files', new Blob([content]), 'a.bin')
      await client.run(form)
    }
    expect(runs.requests[0]?.program.code.toString()).toBe(
      type === 'application/json' ? code : code.replaceAll('\n', '\r\n'),
    )
    expect(runs.requests[0]?.program.argumentsJson.toString()).toBe('{}')
    expect(runs.requests[0]?.files[0]?.content.equals(content)).toBe(true)
  })
})

describe('what is refused', () => {
  const most = { wall_ms: 10_000, cpu_ms: 10_000, memory_mb: 256, output_bytes: MIB, processes: 64 }
  test.each(Object.entries(most))('more than the limit %s of the server', async (name, value) => {
    expect((await client.run({ ...RUN, limits: { [name]: value } })).status).toBe(200)
    const { status, body } = await client.run({ ...RUN, limits: { [name]: value + 1 } })
    expect(status).toBe(400)
    expect(body).toMatchObject({
      type: '/problems/invalid-request',
      detail: `limits.${name}: is at most ${value} here`,
      errors: [{ pointer: `/limits/${name}` }],
    })
  })

  test.each([
    [{ code: '' }, 400, 'language: say a language'],
    [
      { code: '', language: 'cobol' },
      400,
      'language: there is no such language; there are python, python3',
    ],
    [{ code: '', template: 'cobol' }, 400, 'template: there is no such template; there are python'],
    [{ ...RUN, network: 'egress' }, 400, 'network: the operator gives sandboxes no network'],
    [{ ...RUN, code_b64: '' }, 400, 'unknown field "code_b64"'],
    [
      { ...RUN, files: [{ path: '../a', content: '' }] },
      400,
      'files[0].path: must be a relative path',
    ],
  ])('%j: %i', async (value, status, detail) => {
    const answer = await client.run(value)
    expect(answer.status).toBe(status)
    expect(answer.body.detail).toContain(detail)
    expect(runs.requests).toEqual([])
  })

  test.each([
    ['an empty body', '', 'application/json', 400],
    ['no JSON', '{', 'application/json', 400],
    ['another type', 'code=1', 'application/x-www-form-urlencoded', 415],
    ['text', 'print(1)', 'text/plain', 415],
    ['a form without a boundary', 'x', 'multipart/form-data', 400],
    ['a form without an end', '--b\r\n', 'multipart/form-data; boundary=b', 400],
    [
      'a form with an unknown field',
      '--b\r\nContent-Disposition: form-data; name="x"\r\n\r\n1\r\n--b--',
      'multipart/form-data; boundary=b',
      400,
    ],
    ['more than 16 MiB', `{"code":"${'a'.repeat(16 * MIB)}"}`, 'application/json', 413],
  ])('%s', async (_what, body, type, status) => {
    const answer = await client.post('/v1/runs', body, { headers: { 'content-type': type } })
    expect(answer.status).toBe(status)
  })

  test.each([
    ['POOL_BUSY', 503, 'no-executor', '1'],
    ['SHUTTING_DOWN', 503, 'shutting-down', '5'],
    ['REQUEST_NOT_READ', 503, 'unavailable', '1'],
    ['EXECUTOR_LOST', 503, 'unavailable', '1'],
    ['CONFIG_INVALID', 500, 'internal', null],
  ] as const)('a run that fails with %s: %i', async (code, status, name, retryAfter) => {
    runs.events = []
    runs.end = async () => {
      throw new ManagerError(code, 'Something of ours.')
    }
    const answer = await client.run(RUN)
    expect(answer.status).toBe(status)
    expect(answer.body.type).toBe(`/problems/${name}`)
    expect(answer.headers.get('retry-after')).toBe(retryAfter)
    expect(await door.metrics.registry.metrics()).toContain(`outcome="${name}"`)
  })

  test('an address that is not there', async () => {
    expect((await client.fetch('/v1/nothing')).body.type).toBe('/problems/not-found')
  })

  test.each([
    ['PUT', '/v1/runs', 'GET, HEAD, POST'],
    ['DELETE', '/v1/batches/', 'POST'],
    ['POST', '/v1/status?x=1', 'GET, HEAD'],
    ['OPTIONS', '/v1/templates', 'GET, HEAD'],
    ['QUERY', '/v1/templates', 'GET, HEAD'],
  ])('%s %s, which it does not take', async (method, path, allowed) => {
    const { status, headers, body } = await client.fetch(path, { method })
    expect([status, body.type]).toEqual([405, '/problems/method-not-allowed'])
    expect(headers.get('allow')).toBe(allowed)
  })

  test('each type of problem says what it is', async () => {
    for (const [name, { status, title }] of Object.entries(PROBLEMS)) {
      const { body } = await client.fetch(`/problems/${name}`)
      expect(body).toEqual({ type: `/problems/${name}`, status, title })
    }
  })

  test.each([
    ['a web page', { origin: 'https://example.org' }],
    ['a web page that sends a form', { origin: 'null', 'sec-fetch-site': 'cross-site' }],
  ])('%s', async (_what, headers) => {
    const form = new FormData()
    form.append('code', '')
    for (const body of [RUN, form]) {
      const { status } = await client.run(body, { headers: headers as Record<string, string> })
      expect(status).toBe(403)
    }
  })
})

describe('what comes out', () => {
  const ends: [Partial<RunOutcome>, object][] = [
    [{}, { status: 'succeeded', exit_code: 0, signal: null }],
    [
      { exitCode: 3 },
      { status: 'failed', exit_code: 3, detail: 'The program ended with exit code 3.' },
    ],
    [
      { exitCode: 1, error: { name: 'ValueError', message: 'no', traceback: 'T', line: 2 } },
      { status: 'failed', error: { name: 'ValueError', message: 'no', traceback: 'T', line: 2 } },
    ],
    [{ exitCode: 1, denied: 'network' }, { status: 'failed' }],
    [{ exitCode: 1, denied: 'file' }, { status: 'failed' }],
    [{ exitCode: 1, denied: 'syscall' }, { status: 'failed' }],
    [
      { end: 'signal', exitCode: null, signal: 11 },
      { status: 'failed', signal: 'SIGSEGV', exit_code: null },
    ],
    [{ end: 'signal', exitCode: null, signal: 40 }, { signal: 'SIG40' }],
    [{ end: 'time', exitCode: null }, { status: 'timed_out' }],
    [{ end: 'memory', exitCode: null }, { status: 'out_of_memory' }],
    [
      { end: 'output', exitCode: null, flooded: 'stderr' },
      { status: 'output_limit', stdout_truncated: false, stderr_truncated: true },
    ],
    [{ end: 'output', exitCode: null, flooded: 'stdout' }, { stdout_truncated: true }],
    [{ end: 'output', exitCode: null, flooded: 'result' }, { stdout_truncated: false }],
    [{ end: 'refused', exitCode: null, detail: 'eval' }, { status: 'refused' }],
    [
      { end: 'interfered', exitCode: null, detail: 'It spoke.' },
      { status: 'failed', detail: 'It spoke.' },
    ],
    [
      { end: 'result', detail: 'No JSON.' },
      { status: 'failed', exit_code: 0, detail: 'No JSON.' },
    ],
  ]
  test.each(ends)('%j is told as %j', async (outcome, expected) => {
    runs.end = async () => outcomeWith(outcome)
    const { status, body } = await client.run(RUN)
    expect(status).toBe(200)
    expect(body).toMatchObject(expected)
    expect(body.detail).toMatch(/\S.*/)
  })

  test('all that a run left', async () => {
    runs.end = async () =>
      outcomeWith({
        stdout: Buffer.from('out\xff', 'latin1'),
        stderr: Buffer.from('err'),
        resultJson: '{"a":1.0,\n"b":12345678901234567890}',
        displays: [{ 'text/plain': '1' }],
        files: [{ path: 'a/b.png', content: Buffer.from('png') }],
        filesLeftOut: [{ path: 'c', size: 5, reason: 'size' }],
      })
    const { body, text, headers } = await client.run(RUN)
    expect(body).toMatchObject({
      stdout: 'out\ufffd',
      stderr: 'err',
      displays: [{ 'text/plain': '1' }],
      files: [{ path: 'a/b.png', size: 3, media_type: 'image/png', content_base64: 'cG5n' }],
      files_left_out: [{ path: 'c', size: 5, reason: 'size' }],
      usage: { wall_ms: 2.5, cpu_ms: 1, peak_memory_bytes: MIB },
      timings: { queue_ms: 1, execute_ms: 2, collect_ms: 3 },
    })
    expect(text).toContain('"a":1.0, "b":12345678901234567890')
    expect(headers.get('server-timing')).toMatch(/^queue;dur=[\d.]+, execute;dur=[\d.]+/)
  })

  test('files of many megabytes', async () => {
    const content = Buffer.alloc(5 * MIB, 'abc')
    runs.end = async () => outcomeWith({ files: [{ path: 'a', content }] })
    const { body } = await client.run(RUN)
    expect(Buffer.from(body.files[0].content_base64, 'base64').equals(content)).toBe(true)
  })

  test('what there is to know', async () => {
    const { body } = await client.fetch('/v1/templates')
    expect(body.templates).toEqual([
      {
        name: 'python',
        languages: ['python', 'python3'],
        version: '3.11.2',
        modes: ['script', 'function', 'cell'],
        libraries: [{ name: 'python3-numpy', version: '1.24.2' }],
        preloaded: [],
        network: 'none',
        limits: {
          wall_ms: 10_000,
          cpu_ms: 10_000,
          memory_mb: 256,
          output_bytes: MIB,
          processes: 64,
        },
      },
    ])
    expect((await client.fetch('/v1/status')).body).toMatchObject({ status: 'ok', queued: 0 })
  })

  test('the page loads nothing from elsewhere and runs nothing of its own', async () => {
    const { text, headers } = await client.fetch('/docs')
    expect(headers.get('content-security-policy')).toContain("default-src 'none'")
    const sources = [...text.matchAll(/(?:src|href)="([^"]+)"/g)].map(
      ([, source]) => source as string,
    )
    expect(sources.length).toBeGreaterThan(2)
    for (const source of sources) {
      expect(source).toMatch(/^\//)
      expect((await client.fetch(source)).status).toBe(200)
    }
    expect(text).not.toMatch(/<script>|<style| style=| on\w+=/)
  })
})

describe('with keys and a rate', () => {
  let guarded: Awaited<ReturnType<typeof openDoors>>
  const caller = new NativeClient()
  const headers = { authorization: 'Bearer 0123456789abcdef' }
  beforeAll(async () => {
    const keys = ApiKeys.parse('one:0123456789abcdef')
    if (!(keys instanceof ApiKeys)) throw new Error(keys.wrong)
    guarded = await openDoors(runs, { keys, rateLimit: { runs: 5, windowMs: 3_600_000 } })
    caller.url = guarded.url
  })
  afterAll(() => guarded.close())

  test('a key is needed, but not to read how it is used', async () => {
    for (const path of ['/v1/templates', '/v1/status', '/v1/nothing']) {
      const { status, headers: answered } = await caller.fetch(path)
      expect([path, status, answered.get('www-authenticate')]).toEqual([path, 401, 'Bearer'])
    }
    expect((await caller.run(RUN)).status).toBe(401)
    for (const path of ['/docs', '/openapi.json', '/problems/internal']) {
      expect((await caller.fetch(path)).status).toBe(200)
    }
  })

  test('a caller is told its rate, and a batch counts as its runs', async () => {
    const first = await caller.run(RUN, { headers })
    expect(first.status).toBe(200)
    expect(runs.requests[0]?.caller).toBe('one')
    expect(first.headers.get('ratelimit-policy')).toBe('"runs";q=5')
    expect(first.headers.get('ratelimit')).toMatch(/^"runs";r=4;t=\d+$/)
    const stream = { ...headers, accept: 'text/event-stream' }
    const second = await caller.run(RUN, { headers: stream })
    expect(second.headers.get('ratelimit')).toMatch(/^"runs";r=3;t=\d+$/)
    const batch = (count: number) =>
      caller.post('/v1/batches', { runs: Array.from({ length: count }, () => RUN) }, { headers })
    expect((await batch(2)).status).toBe(200)
    const refused = await batch(2)
    expect(refused.status).toBe(429)
    expect(refused.body.type).toBe('/problems/rate-limited')
    const again = await caller.run(RUN, { headers })
    expect(again.status).toBe(429)
    expect(again.headers.get('ratelimit')).toMatch(/^"runs";r=0;/)
    expect(Number(again.headers.get('retry-after'))).toBeGreaterThan(0)
  })
})
