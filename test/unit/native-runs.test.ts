import { describe, expect, test } from 'vitest'
import { PROBLEMS } from '../../src/api/v1/problems.ts'
import { ManagerError } from '../../src/errors.ts'
import { MIB } from '../../src/lib/units.ts'
import { FakeRuns, outcomeWith, useDoors } from '../support/door.ts'
import { NativeClient } from '../support/native-client.ts'

/** The native API over runs that never happen: what goes in, and what is refused. */
const runs = new FakeRuns()
const client = new NativeClient()
const door = useDoors(runs, {}, client)

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
