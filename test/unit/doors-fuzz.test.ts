import fc from 'fast-check'
import { afterAll, beforeAll, describe, expect, test } from 'vitest'
import { ApiKeys } from '../../src/api/api-keys.ts'
import { readRequest } from '../../src/api/jupyter/message.ts'
import { FakeRuns, openDoors } from '../support/door.ts'

/** Every front door over runs that never happen, asked what nobody asks. */
const KEY = 'a-key-of-the-tests'
const runs = new FakeRuns()
let door: Awaited<ReturnType<typeof openDoors>>

beforeAll(async () => {
  door = await openDoors(runs, { keys: ApiKeys.parse(`one:${KEY}`) as ApiKeys })
})
afterAll(() => door.close())

interface Target {
  readonly path: string
  /** A valid body, of which members are replaced. */
  readonly body: Record<string, unknown>
  /** What a refusal looks like. */
  readonly refusal: object
  /** What the valid body is answered; by default it is taken. */
  readonly status?: number
}

const MCP_CALL = {
  jsonrpc: '2.0',
  id: 1,
  method: 'tools/call',
  params: { name: 'run_code', arguments: { language: 'python', code: '' } },
}
const TARGETS: readonly Target[] = [
  {
    path: '/run',
    body: { code_b64: '', language: 'python', arguments: {} },
    refusal: { detail: expect.anything() },
  },
  {
    path: '/v1/runs',
    body: { language: 'python', code: '' },
    refusal: { type: expect.any(String) },
  },
  {
    path: '/mcp',
    body: MCP_CALL,
    refusal: { jsonrpc: '2.0', error: { code: expect.any(Number) } },
  },
  {
    path: '/v1/sandbox/run',
    body: { language: 'python3', code: 'x' },
    refusal: { code: expect.any(Number), message: expect.any(String), data: null },
  },
  { path: '/api/kernels', body: { name: 'python3' }, refusal: { message: expect.any(String) } },
  {
    path: '/api/v2/execute',
    body: {
      language: 'python',
      version: '*',
      files: [{ name: 'a.py', content: '' }],
      stdin: '',
      args: ['1'],
      run_timeout: 1000,
      run_memory_limit: -1,
    },
    refusal: { message: expect.any(String) },
  },
  {
    path: '/submissions?base64_encoded=true&wait=true',
    body: {
      source_code: '',
      language_id: 71,
      stdin: '',
      expected_output: '',
      cpu_time_limit: 1,
      memory_limit: 2048,
      command_line_arguments: 'a "b c"',
      redirect_stderr_to_stdout: true,
      callback_url: null,
      number_of_runs: 1,
    },
    refusal: {},
  },
  {
    path: '/judge0/submissions/batch',
    body: { submissions: [{ source_code: '', language_id: 71 }] },
    refusal: { error: expect.any(String) },
  },
  {
    path: '/jobe/index.php/restapi/runs',
    body: {
      run_spec: {
        language_id: 'python3',
        sourcecode: '',
        input: '',
        file_list: [],
        parameters: { cputime: 1, runargs: ['a'] },
      },
    },
    refusal: expect.any(String),
  },
  {
    path: '/librechat/v1/exec',
    body: { lang: 'py', code: '', files: [] },
    refusal: { error: expect.any(String) },
  },
  {
    path: '/librechat/v1/exec/programmatic',
    body: { code: 'x', tools: [{ name: 'a', parameters: {} }], files: [], timeout: 1, lang: 'py' },
    refusal: { error: expect.any(String) },
  },
  {
    path: '/librechat/v1/exec/programmatic',
    body: { continuation_token: 'x', tool_results: [{ call_id: 'call_001', result: 1 }] },
    refusal: { error: expect.any(String) },
    status: 404,
  },
]

const anything = fc.jsonValue({ maxDepth: 3 })

describe.each(TARGETS)('$path', ({ path, body, refusal, status }) => {
  const post = async (
    text: string | Uint8Array<ArrayBuffer>,
    more: Record<string, string> = {},
  ) => {
    const answer = await fetch(door.url + path, {
      method: 'POST',
      headers: {
        accept: 'application/json, text/event-stream',
        'content-type': 'application/json',
        'x-api-key': KEY,
        ...more,
      },
      body: text,
    })
    return { status: answer.status, text: await answer.text() }
  }
  /** An answer of the door, whatever it says: no failure of ours, and not in words that are Fastify's own. */
  const check = ({ status, text }: { status: number; text: string }) => {
    expect(status).toBeLessThan(500)
    expect(text).not.toContain('"statusCode"')
    if (status >= 400) expect([JSON.parse(text)]).toMatchObject([refusal])
  }
  const replaced = fc
    .tuple(fc.constantFrom(...Object.keys(body)), anything)
    .map(([name, value]) => JSON.stringify({ ...body, [name]: value }))

  test('a valid body is taken', async () => {
    const answer = await post(JSON.stringify(body))
    if (status) expect(answer.status).toBe(status)
    else expect(answer.status).toBeLessThan(300)
  })

  test('whatever its members are', async () => {
    await fc.assert(
      fc.asyncProperty(replaced, async (text) => check(await post(text))),
      { numRuns: 40 },
    )
  })

  test('whatever the body is', async () => {
    const texts = fc.oneof(
      fc.string({ unit: 'binary' }),
      anything.map((value) => JSON.stringify(value)),
    )
    await fc.assert(
      fc.asyncProperty(texts, async (text) => check(await post(text))),
      { numRuns: 30 },
    )
    await fc.assert(
      fc.asyncProperty(fc.uint8Array(), async (bytes) => check(await post(new Uint8Array(bytes)))),
      { numRuns: 20 },
    )
  })

  test('whatever it is called', async () => {
    for (const type of ['text/plain', 'application/xml', 'multipart/form-data', 'x']) {
      check(await post('x', { 'content-type': type }))
    }
  })

  test('nothing of it is held afterwards', async () => {
    await expect.poll(() => door.accounts.uploads.total, { timeout: 30_000 }).toBe(0)
  })
})

test("a frame for a kernel of Jupyter's is a request or is not, whatever it is", () => {
  const header = fc.record({ msg_type: fc.oneof(fc.string(), anything) })
  const frames = fc.record(
    { header: fc.oneof(header, anything), channel: anything, content: anything },
    { requiredKeys: [] },
  )
  fc.assert(
    fc.property(fc.oneof(frames, anything), (frame) => {
      const read = readRequest(Buffer.from(JSON.stringify(frame)))
      if ('request' in read) expect(read.request.type).toEqual(expect.any(String))
      else expect(read.wrong).not.toBe('')
    }),
  )
  fc.assert(
    fc.property(fc.uint8Array(), (bytes) => {
      readRequest(Buffer.from(bytes))
    }),
  )
})
