import { afterAll, beforeAll, beforeEach, describe, expect, test, vi } from 'vitest'
import { ApiKeys } from '../../src/api/api-keys.ts'
import { readMessage } from '../../src/api/mcp/message.ts'
import { ParsingThread } from '../../src/api/parsing-thread.ts'
import { ManagerError } from '../../src/errors.ts'
import { FakeRuns, openDoors, outcomeWith } from '../support/door.ts'
import { HTTP_CLIENTS, type McpClient, TOOLS } from '../support/mcp-clients.ts'

/** The door for MCP over runs that never happen, asked by the official clients. */
const KEY = 'a-key-of-the-tests'
const OTHER = 'another-key-of-them'
const keys = ApiKeys.parse(`one:${KEY},other:${OTHER}`) as ApiKeys
const PNG = Buffer.from('89504e470d0a1a0a0000', 'hex')
const runs = new FakeRuns()
let door: Awaited<ReturnType<typeof openDoors>>

beforeAll(async () => {
  door = await openDoors(runs, { keys })
})
afterAll(() => door.close())
beforeEach(() => {
  runs.requests.length = 0
  runs.events = []
  runs.end = async () => outcomeWith()
})

const RUN = { name: 'run_code', arguments: { language: 'python3', code: 'print(1)' } }

describe.each(HTTP_CLIENTS)('$name', ({ connect }) => {
  let client: McpClient
  beforeAll(async () => {
    client = await connect({ url: door.url, key: KEY })
  })
  afterAll(() => client.close())

  test('lists the tools, with what they answer', async () => {
    const { tools } = await client.listTools()
    expect(tools.map(({ name }) => name)).toEqual(TOOLS)
    for (const { outputSchema } of tools) expect(outputSchema).toBeDefined()
  })

  test('all that was asked reaches the run, and its output comes back', async () => {
    runs.end = async () => outcomeWith({ stdout: Buffer.from('1\n') })
    const answer = await client.callTool({
      name: 'run_code',
      arguments: {
        ...RUN.arguments,
        stdin: 'in',
        template: 'python',
        files: [
          { path: 'a/b.csv', content: '1,2' },
          { path: 'c.bin', content_base64: 'AAE=' },
        ],
      },
    })
    expect(answer).toMatchObject({
      content: [{ type: 'text', text: '1\n' }],
      structuredContent: { status: 'succeeded', exit_code: 0, stdout: '1\n', stdout_uri: null },
    })
    expect(runs.requests).toMatchObject([
      { caller: 'one', template: 'python', program: { mode: 'script' }, files: [{}, {}] },
    ])
    const [request] = runs.requests
    expect(request?.program.code.toString()).toBe('print(1)')
    expect(request?.stdin?.toString()).toBe('in')
    expect(request?.files.map(({ content }) => [...content])).toEqual([
      [49, 44, 50],
      [0, 1],
    ])
  })

  test('a program that fails is no error of the tool', async () => {
    runs.end = async () => outcomeWith({ exitCode: 3, stderr: Buffer.from('oh\n') })
    const answer = await client.callTool(RUN)
    expect(answer.isError ?? false).toBe(false)
    expect(answer.content[0].text).toBe(
      '[stderr]\noh\n\n[failed] The program ended with exit code 3.',
    )
  })

  test('long output is head and tail, and the whole can be read', async () => {
    const stdout = Buffer.from(`begin${'x'.repeat(50_000)}end`)
    runs.end = async () => outcomeWith({ stdout })
    const { content, structuredContent } = await client.callTool(RUN)
    expect(content[0].text).toMatch(
      /^beginx+\n\[\.\.\. 38008 characters left out; .+ \.\.\.\]\nx+end$/,
    )
    const read = await client.readResource({ uri: structuredContent.stdout_uri })
    expect(read.contents[0]?.text).toBe(stdout.toString())
  })

  test('images come as images, other files as links that their caller alone can read', async () => {
    const files = [
      { path: 'plot.png', content: PNG },
      { path: 'fake.png', content: Buffer.from('no image') },
      { path: 'out/a b.csv', content: Buffer.from('1,2') },
    ]
    runs.end = async () => outcomeWith({ files })
    const { content } = await client.callTool(RUN)
    expect(content.map(({ type }) => type)).toEqual([
      'text',
      'image',
      'resource_link',
      'resource_link',
    ])
    expect(content[1]).toMatchObject({ data: PNG.toString('base64'), mimeType: 'image/png' })
    const [fake, csv] = content.slice(2)
    expect((await client.readResource(fake)).contents[0]?.blob).toBeDefined()
    expect((await client.readResource(csv)).contents).toMatchObject([
      { mimeType: 'text/csv', text: '1,2' },
    ])
    const stranger = await connect({ url: door.url, key: OTHER })
    await expect(stranger.readResource(csv)).rejects.toThrow()
    await stranger.close()
  })

  test('a run that is started goes on after the answer, and is read and ended by its caller', async () => {
    let end = () => {}
    runs.events = [{ type: 'stdout', bytes: Buffer.from('so far') }]
    runs.end = (_request, signal) =>
      new Promise((resolve, reject) => {
        end = () => resolve(outcomeWith({ stdout: Buffer.from('all\n') }))
        const gone = () => reject(new ManagerError('RUN_CANCELLED', 'The run was canceled.'))
        signal.addEventListener('abort', gone)
      })
    const start = () => client.callTool({ name: 'start_run', arguments: RUN.arguments })
    const first = (await start()).structuredContent
    expect(first).toMatchObject({ state: 'running', output: 'so far', outcome: null })
    const get = (by: McpClient, wait_seconds: number) =>
      by.callTool({ name: 'get_run', arguments: { run_id: first.run_id, wait_seconds } })
    expect((await get(client, 0)).structuredContent.state).toBe('running')
    const stranger = await connect({ url: door.url, key: OTHER })
    expect((await get(stranger, 0)).isError).toBe(true)
    const canceled = { name: 'cancel_run', arguments: { run_id: first.run_id } }
    expect((await stranger.callTool(canceled)).isError).toBe(true)
    await stranger.close()
    const waiting = get(client, 45)
    end()
    expect(await waiting).toMatchObject({
      content: [{ type: 'text', text: 'all\n' }],
      structuredContent: { state: 'ended', outcome: { status: 'succeeded', stdout: 'all\n' } },
    })
    const second = (await start()).structuredContent
    const answer = await client.callTool({
      name: 'cancel_run',
      arguments: { run_id: second.run_id },
    })
    expect(answer).toMatchObject({ isError: true, content: [{ text: 'The run was canceled.' }] })
  })

  test('what was kept is listed for its caller', async () => {
    const files = [{ path: 'out/a b.csv', content: Buffer.from('1,2') }]
    runs.end = async () => outcomeWith({ files })
    await client.callTool(RUN)
    const { resources } = await client.listResources()
    expect(resources[0]).toMatchObject({ name: 'files/out/a b.csv', mimeType: 'text/csv' })
    const read = await client.readResource({ uri: resources[0]?.uri ?? '' })
    expect(read.contents[0]?.text).toBe('1,2')
    const stranger = await connect({ url: door.url, key: OTHER })
    expect((await stranger.listResources()).resources).toEqual([])
    await stranger.close()
  })

  test('what cannot be run is told as an error of the tool', async () => {
    const call = (part: object) =>
      client.callTool({ name: 'run_code', arguments: { ...RUN.arguments, ...part } })
    const said = [
      await call({ language: 'cobol' }),
      await call({ files: [{ path: '../x', content: '' }] }),
      await call({ code: 1 }),
    ]
    expect(said.map(({ isError }) => isError)).toEqual([true, true, true])
    expect(said[0]?.content[0].text).toMatch(/^language: there is no such language/)
    runs.end = async () => {
      throw new ManagerError('POOL_BUSY', 'Nothing is free.')
    }
    expect(await client.callTool(RUN)).toMatchObject({
      isError: true,
      content: [{ text: 'Nothing is free.' }],
    })
    expect(runs.requests).toHaveLength(1)
  })

  test('output is told while the program runs', async () => {
    runs.events = [{ type: 'stdout', bytes: Buffer.from('half') }]
    const told: string[] = []
    let finish = () => {}
    const finished = new Promise<void>((resolve) => {
      finish = resolve
    })
    runs.end = async () => {
      await finished
      return outcomeWith({ stdout: Buffer.from('half') })
    }
    const onprogress = ({ message }: { message?: string }) => {
      told.push(message ?? '')
      finish()
    }
    const { structuredContent } = await client.callTool(RUN, { onprogress })
    expect(structuredContent.stdout).toBe('half')
    expect(told[0]).toBe('half')
  })

  test('a call that is canceled ends its run', async () => {
    const controller = new AbortController()
    const ended = new Promise<void>((resolve) => {
      runs.end = (_request, signal) =>
        new Promise((_resolve, reject) => {
          signal.addEventListener('abort', () => {
            resolve()
            reject(new ManagerError('RUN_CANCELLED', 'The caller has gone.'))
          })
          setImmediate(() => controller.abort())
        })
    })
    await expect(client.callTool(RUN, { signal: controller.signal })).rejects.toThrow()
    await ended
  })

  test('templates are told with their libraries', async () => {
    const answer = await client.callTool({ name: 'list_templates', arguments: {} })
    expect(answer.structuredContent.templates).toMatchObject([
      { name: 'python', languages: ['python', 'python3'], libraries: ['python3-numpy 1.24.2'] },
    ])
  })
})

describe('the wire', () => {
  const headers = {
    'content-type': 'application/json',
    accept: 'application/json, text/event-stream',
    authorization: `Bearer ${KEY}`,
  }
  const post = async (body: unknown, more: Record<string, string> = {}, path = '/mcp') => {
    const response = await fetch(door.url + path, {
      method: 'POST',
      headers: { ...headers, ...more },
      body: typeof body === 'string' ? body : JSON.stringify(body),
    })
    const text = await response.text()
    return { status: response.status, headers: response.headers, text }
  }
  const call = (id: unknown, params: object = RUN) => ({
    jsonrpc: '2.0',
    id,
    method: 'tools/call',
    params,
  })

  test.each([
    ['no JSON', '{', {}, 400, -32700],
    ['no UTF-8', '"\udc00', {}, 400, -32700],
    ['nested deeply', `${'['.repeat(100)}${']'.repeat(100)}`, {}, 400, -32700],
    ['a batch', '[]', {}, 400, -32600],
    ['large beside the code', JSON.stringify(call('x'.repeat(200_000))), {}, 400, -32600],
    ['too large', JSON.stringify({ a: 'x'.repeat(5_000_000) }), {}, 413, -32000],
    ['no key', '{}', { authorization: '' }, 401, -32000],
    ['a wrong key', '{}', { authorization: 'Bearer nobody-has-this-key' }, 401, -32000],
    ['a web page', '{}', { origin: 'https://example.org' }, 403, -32000],
    ['a form', '{}', { 'content-type': 'text/plain' }, 415, -32000],
  ] as const)('%s is refused in words of JSON-RPC', async (_name, body, more, status, code) => {
    const answer = await post(body, more)
    expect(answer.status).toBe(status)
    expect(JSON.parse(answer.text)).toMatchObject({ jsonrpc: '2.0', id: null, error: { code } })
  })

  test('a large program is taken, and is not made a text', async () => {
    const code = `${'#'.repeat(3_000_000)}\u00e9\n`
    const { status } = await post(call(1, { ...RUN, arguments: { ...RUN.arguments, code } }))
    expect(status).toBe(200)
    expect(runs.requests[0]?.program.code.equals(Buffer.from(code))).toBe(true)
  })

  test('a key may be in front of the path', async () => {
    const { status } = await post(call(1), { authorization: '' }, `/k/${OTHER}/mcp`)
    expect(status).toBe(200)
    expect(runs.requests).toMatchObject([{ caller: 'other' }])
    expect((await post(call(1), { authorization: '' }, '/k/nobody-has-this-key/mcp')).status).toBe(
      401,
    )
  })

  test('an older client cancels by another request, and no other client can', async () => {
    const initialize = {
      protocolVersion: '2025-06-18',
      capabilities: {},
      clientInfo: { name: 'x', version: '1' },
    }
    const opened = await post({ jsonrpc: '2.0', id: 0, method: 'initialize', params: initialize })
    const session = { 'mcp-session-id': opened.headers.get('mcp-session-id') as string }
    let begun = () => {}
    const running = new Promise<void>((resolve) => {
      begun = resolve
    })
    let isCanceled = false
    runs.end = (_request, signal) =>
      new Promise((_resolve, reject) => {
        signal.addEventListener('abort', () => {
          isCanceled = true
          reject(new ManagerError('RUN_CANCELLED', 'The caller has gone.'))
        })
        begun()
      })
    const answer = post(call(7), session)
    await running
    const cancel = { jsonrpc: '2.0', method: 'notifications/cancelled', params: { requestId: 7 } }
    for (const other of [
      {},
      { 'mcp-session-id': 'of-another' },
      { ...session, authorization: `Bearer ${OTHER}` },
    ]) {
      expect((await post(cancel, other)).status).toBe(202)
    }
    expect(isCanceled).toBe(false)
    await post(cancel, session)
    await answer
    expect(isCanceled).toBe(true)
  })

  test('a large message is read in the thread of large bodies', async () => {
    const read = vi.spyOn(ParsingThread.prototype, 'readMessage')
    const code = `#${'x'.repeat(100_000)}\nprint(1)`
    expect((await post(call(1, { ...RUN, arguments: { language: 'python3', code } }))).status).toBe(
      200,
    )
    expect(read).toHaveBeenCalledTimes(1)
    expect(runs.requests[0]?.program.code.toString()).toBe(code)
    read.mockRestore()
  })

  test('of a message with too many members the rest is not looked at', () => {
    const members = '"":1,'.repeat(800_000)
    const view = vi.spyOn(Buffer.prototype, 'subarray')
    for (const text of [
      `{${members}"a":1}`,
      `{"method":"tools/call","params":{${members}"name":"run_code"}}`,
    ]) {
      expect(() => readMessage(Buffer.from(text))).toThrow('larger than 128 KiB')
    }
    expect(view.mock.calls.length).toBeLessThan(400_000)
    view.mockRestore()
  })

  test('the rate is of runs alone', async () => {
    const limited = await openDoors(runs, { keys, rateLimit: { runs: 1, windowMs: 60_000 } })
    const ask = (body: object) =>
      fetch(`${limited.url}/mcp`, { method: 'POST', headers, body: JSON.stringify(body) })
    const list = { jsonrpc: '2.0', id: 1, method: 'tools/list' }
    const said = [
      await ask(list),
      await ask(list),
      await ask(call(1)),
      await ask(call(2)),
      await ask(list),
    ]
    expect(said.map(({ status }) => status)).toEqual([200, 200, 200, 429, 200])
    expect(await said[3]?.json()).toMatchObject({ error: { code: -32000 } })
    await limited.close()
  })

  test('a door that is switched off is not there', async () => {
    const closed = await openDoors(runs, { doors: new Set(['v1'] as const) })
    const ask = (path: string) => fetch(closed.url + path, { method: 'POST', headers, body: '{}' })
    expect((await ask('/mcp')).status).toBe(404)
    expect((await ask('/run')).status).toBe(404)
    expect((await ask('/v1/runs')).status).toBe(400)
    await closed.close()
  })
})
