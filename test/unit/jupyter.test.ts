import { once } from 'node:events'
import { connect } from 'node:net'
import { afterAll, afterEach, beforeAll, beforeEach, describe, expect, test } from 'vitest'
import WebSocket from 'ws'
import { ApiKeys } from '../../src/api/api-keys.ts'
import { readRequest } from '../../src/api/jupyter/message.ts'
import { ManagerError } from '../../src/errors.ts'
import type { RunOutcome } from '../../src/run/types.ts'
import { FakeRuns, openDoors, outcomeWith } from '../support/door.ts'
import { type Channels, JupyterClient, type Said } from '../support/jupyter-client.ts'

/** Jupyter's door over runs that never happen. */
const KEY = 'a-key-of-the-tests'
const OTHER = 'another-key-of-the-tests'
const runs = new FakeRuns()
const open: Channels[] = []
let door: Awaited<ReturnType<typeof openDoors>>
let client: JupyterClient

beforeAll(async () => {
  door = await openDoors(runs, { keys: ApiKeys.parse(`one:${KEY},two:${OTHER}`) as ApiKeys })
  client = new JupyterClient(door.url, KEY)
})
afterAll(() => door.close())
beforeEach(() => {
  runs.requests.length = 0
  runs.events = []
  runs.end = async () => outcomeWith()
})
afterEach(() => {
  for (const { socket } of open.splice(0)) socket.terminate()
})

async function connected(by = client): Promise<Channels> {
  const channels = await by.connect(await by.start())
  open.push(channels)
  return channels
}
const soon = <T>(what: () => T) => expect.poll(what, { timeout: 30_000 })
const types = (said: readonly Said[]) => said.map(({ msg_type }) => msg_type)
const find = (said: readonly Said[], type: string) => said.find(({ msg_type }) => msg_type === type)

test.each(['', '/jupyter', `/k/${KEY}`])(
  'with the prefix "%s" a kernel runs code',
  async (prefix) => {
    const token = prefix.startsWith('/k/') ? '' : KEY
    const channels = await connected(new JupyterClient(door.url + prefix, token))
    runs.events = [{ type: 'stdout', bytes: Buffer.from('1\n') }]
    const said = await channels.execute('print("é")')
    expect(types(said)).toEqual(['status', 'execute_input', 'stream', 'execute_reply', 'status'])
    expect(find(said, 'stream')?.content).toEqual({ name: 'stdout', text: '1\n' })
    expect(find(said, 'execute_reply')).toMatchObject({
      channel: 'shell',
      content: { status: 'ok', execution_count: 1 },
    })
    expect(runs.requests).toMatchObject([{ caller: 'one', template: 'python', files: [] }])
    expect(runs.requests[0]?.program.code.toString()).toBe('print("é")')
  },
)

test('the routes answer as those of a Jupyter server', async () => {
  const specs = await client.ask('GET', '/kernelspecs')
  expect(await specs.json()).toMatchObject({
    default: 'python3',
    kernelspecs: { python3: { name: 'python3', spec: { language: 'python' } } },
  })
  const id = await client.start('python3')
  const model = await client.ask('GET', `/kernels/${id}`)
  expect(await model.json()).toMatchObject({
    id,
    name: 'python3',
    execution_state: 'starting',
    connections: 0,
  })
  expect(await (await client.ask('GET', '/kernels')).json()).toContainEqual(
    expect.objectContaining({ id }),
  )
  expect((await client.ask('POST', `/kernels/${id}/interrupt`)).status).toBe(204)
  expect((await client.ask('POST', `/kernels/${id}/restart`)).status).toBe(200)
  expect((await client.ask('DELETE', `/kernels/${id}`)).status).toBe(204)
  const gone = await client.ask('DELETE', `/kernels/${id}`)
  expect([gone.status, await gone.json()]).toEqual([
    404,
    { message: `Kernel does not exist: ${id}`, reason: null },
  ])
  expect((await client.ask('POST', '/kernels', { name: 'cobol' })).status).toBe(404)
})

test('an empty body may be called whatever aiohttp calls it', async () => {
  const headers = { 'content-type': 'application/octet-stream', 'x-api-key': KEY }
  const answer = await fetch(`${door.url}/api/kernels`, { method: 'POST', headers })
  expect(answer.status).toBe(201)
})

describe('keys', () => {
  test('are taken as Jupyter clients send them', async () => {
    for (const authorization of [`token ${KEY}`, `Bearer ${KEY}`]) {
      const answer = await fetch(`${door.url}/api/kernels`, { headers: { authorization } })
      expect(answer.status).toBe(200)
    }
    const id = await client.start()
    const channels = await new JupyterClient(door.url).connect(id, {
      authorization: `token ${KEY}`,
    })
    channels.socket.terminate()
  })

  test('are asked for, in the words of a Jupyter server, before a connection is made', async () => {
    const refused = await new JupyterClient(door.url, 'wrong').ask('POST', '/kernels')
    expect([refused.status, await refused.json()]).toEqual([
      403,
      { message: 'Forbidden', reason: null },
    ])
    const id = await client.start()
    await expect(new JupyterClient(door.url).connect(id)).rejects.toThrow('403')
    // A key in the query is for this door only.
    expect((await fetch(`${door.url}/v1/status?token=${KEY}`)).status).toBe(401)
  })

  test("another caller's kernel is not there, and a web page is refused", async () => {
    const id = await client.start()
    const stranger = new JupyterClient(door.url, OTHER)
    expect((await stranger.ask('GET', `/kernels/${id}`)).status).toBe(404)
    expect((await stranger.ask('DELETE', `/kernels/${id}`)).status).toBe(404)
    expect(await (await stranger.ask('GET', '/kernels')).json()).toEqual([])
    await expect(stranger.connect(id)).rejects.toThrow('404')
    await expect(client.connect(id, { origin: 'https://example.org' })).rejects.toThrow('403')
  })
})

const PNG = Buffer.from('\u0089PNG\r\n\u001a\n and more', 'latin1')

test('the value of a cell is told as its result', async () => {
  runs.end = async () => outcomeWith({ resultJson: '{"text/plain":"2"}' })
  const said = await (await connected()).execute('1 + 1')
  expect(find(said, 'execute_result')?.content).toEqual({
    data: { 'text/plain': '2' },
    metadata: {},
    execution_count: 1,
  })
  expect(runs.requests[0]?.program.mode).toBe('cell')
})

test('images that a program wrote are displays, and displays are told once', async () => {
  const data = { 'text/plain': 'a figure' }
  runs.events = [{ type: 'display', data }]
  runs.end = async () =>
    outcomeWith({
      displays: [data, { 'text/plain': 'another' }],
      files: [
        { path: 'figure-1.png', content: PNG },
        { path: 'a.csv', content: Buffer.from('1') },
      ],
    })
  const said = await (await connected()).execute('plot()')
  const displays = said.filter(({ msg_type }) => msg_type === 'display_data')
  expect(displays.map(({ content }) => content.data)).toEqual([
    data,
    { 'text/plain': 'another' },
    { 'image/png': PNG.toString('base64'), 'text/plain': 'figure-1.png' },
  ])
})

test.each<[string, Partial<RunOutcome>, object]>([
  [
    'an exception',
    {
      exitCode: 1,
      error: { name: 'ValueError', message: 'no', traceback: 'T\nValueError: no\n', line: 1 },
    },
    { ename: 'ValueError', evalue: 'no', traceback: ['T', 'ValueError: no'] },
  ],
  [
    'an exception that stderr has',
    {
      exitCode: 1,
      stderr: Buffer.from('T\nValueError: no\n'),
      error: { name: 'ValueError', message: 'no', traceback: 'T\nValueError: no\n', line: 1 },
    },
    { ename: 'ValueError', evalue: 'no', traceback: ['ValueError: no'] },
  ],
  ['an exit code', { exitCode: 3 }, { ename: 'SystemExit', evalue: '3' }],
  ['a time limit', { end: 'time', exitCode: null }, { ename: 'TimeoutError' }],
  ['a signal', { end: 'signal', exitCode: null, signal: 11 }, { ename: 'SIGSEGV' }],
])('%s is an error of the kernel', async (_name, part, error) => {
  runs.end = async () => outcomeWith(part)
  const said = await (await connected()).execute('x')
  expect(find(said, 'error')?.content).toMatchObject(error)
  expect(find(said, 'execute_reply')?.content).toMatchObject({ status: 'error', ...error })
  expect(said.at(-1)?.content).toEqual({ execution_state: 'idle' })
})

test('what fails on our side is an error of the kernel', async () => {
  runs.end = async () => Promise.reject(new ManagerError('POOL_BUSY', 'No executor is free.'))
  const said = await (await connected()).execute('x')
  expect(find(said, 'error')?.content).toMatchObject({
    ename: 'ServiceError',
    evalue: 'No executor is free.',
  })
})

test('a kernel runs one program, and another one after a restart', async () => {
  const id = await client.start()
  const channels = await client.connect(id)
  open.push(channels)
  await channels.execute('x')
  expect(find(await channels.execute('x'), 'error')?.content.ename).toBe('KernelSpent')
  expect((await client.ask('POST', `/kernels/${id}/restart`)).status).toBe(200)
  expect(find(await channels.execute('x'), 'error')).toBeUndefined()
  expect(runs.requests).toHaveLength(2)
})

describe('a program that runs is ended', () => {
  const aborted = (signal: AbortSignal) =>
    new Promise<RunOutcome>((_resolve, reject) => {
      signal.addEventListener('abort', () => reject(new ManagerError('RUN_CANCELLED', 'x')))
    })
  let signals: AbortSignal[]
  beforeEach(() => {
    signals = []
    runs.end = (_request, signal) => {
      signals.push(signal)
      return aborted(signal)
    }
  })
  const running = async () => {
    const id = await client.start()
    const channels = await client.connect(id)
    open.push(channels)
    const said = channels.execute('x')
    said.catch(() => {})
    await soon(() => signals.length).toBe(1)
    return { id, channels, said }
  }

  test('by an interrupt', async () => {
    const { id, said } = await running()
    await client.ask('POST', `/kernels/${id}/interrupt`)
    expect(find(await said, 'error')?.content.ename).toBe('KeyboardInterrupt')
  })

  test('by an interrupt request', async () => {
    const { channels, said } = await running()
    channels.send('interrupt_request', {}, { channel: 'control' })
    expect(find(await said, 'error')?.content.ename).toBe('KeyboardInterrupt')
  })

  test('when its kernel is deleted', async () => {
    const { id, channels } = await running()
    await client.ask('DELETE', `/kernels/${id}`)
    await soon(() => signals[0]?.aborted).toBe(true)
    await soon(() => channels.closed).toBe(1001)
  })

  test('when its caller hangs up', async () => {
    const { channels } = await running()
    channels.socket.terminate()
    await soon(() => signals[0]?.aborted).toBe(true)
  })
})

test('a notebook asks what the kernel is', async () => {
  const channels = await connected()
  // Some clients name no channel and no date.
  const said = await channels.answersTo(channels.send('kernel_info_request'))
  expect(find(said, 'kernel_info_reply')?.content).toMatchObject({
    status: 'ok',
    language_info: { name: 'python', version: '3.11.2' },
  })
  for (const type of ['comm_info', 'history', 'complete', 'inspect', 'is_complete', 'unknown']) {
    const answers = await channels.answersTo(channels.send(`${type}_request`))
    expect(types(answers)).toEqual(
      type === 'unknown' ? ['status', 'status'] : ['status', `${type}_reply`, 'status'],
    )
  }
})

test('megabytes of code are read in a thread of their own', async () => {
  const code = `#${'\n'.repeat(1_000_000)}"`
  await (await connected()).execute(code)
  expect(runs.requests[0]?.program.code.toString()).toBe(code)
})

describe('frames', () => {
  test.each<[string, string | Buffer, number]>([
    ['no JSON', '{', 1008],
    ['no header', '{"content": {}}', 1008],
    ['a long header', JSON.stringify({ header: { msg_type: 'x', x: 'x'.repeat(9000) } }), 1008],
    ['deep', '['.repeat(100_000), 1008],
    ['binary', Buffer.from('{}'), 1003],
    ['too large', 'x'.repeat(5 * 1024 ** 2), 1009],
  ])('%s: the connection is closed, and nothing else', async (_name, frame, code) => {
    const channels = await connected()
    channels.socket.send(frame)
    await soon(() => channels.closed).toBe(code)
    expect(runs.requests).toEqual([])
    await soon(() => door.accounts.uploads.total).toBe(0)
  })

  test('a flood of requests closes the connection', async () => {
    const channels = await connected()
    for (let i = 0; i < 20_000; i++) channels.send('kernel_info_request')
    await soon(() => channels.closed ?? 0).toBeGreaterThan(1000)
  })

  test("a frame that does not end is on its caller's account, until the connection closes", async () => {
    const channels = await connected()
    channels.socket.send('x'.repeat(1_000_000), { fin: false })
    await soon(() => door.accounts.uploads.heldFor('one')).toBeGreaterThan(900_000)
    channels.socket.terminate()
    await soon(() => door.accounts.uploads.total).toBe(0)
  })

  test('pings are answered', async () => {
    const channels = await connected()
    channels.socket.ping('x')
    expect(String((await once(channels.socket, 'pong'))[0])).toBe('x')
  })

  test.each([
    '[]',
    'null',
    '{"header": []}',
    '{"header": {"msg_type": 1}}',
    '{"header": {"msg_type": "x"}, "channel": "iopub"}',
  ])('%s is no request', (text) => {
    expect(readRequest(Buffer.from(text))).toHaveProperty('wrong')
  })
})

test('a path that has no channels does not keep an upgraded connection', async () => {
  const socket = new WebSocket(`${door.url.replace('http', 'ws')}/healthz`)
  const [code] = await once(socket, 'close')
  expect(code).toBe(1005)
})

test('whoever asks for another protocol is answered in this one', async () => {
  const { host, port, hostname } = new URL(door.url)
  const socket = connect(Number(port), hostname)
  socket.write(`GET /healthz HTTP/1.1\r\nHost: ${host}\r\nX-API-Key: ${KEY}\r\n`)
  socket.write('Connection: Upgrade\r\nUpgrade: h2c\r\n\r\n')
  const [answer] = await once(socket, 'data')
  expect(String(answer)).toMatch(/^HTTP\/1.1 200 /)
  socket.destroy()
})

test('a door that closes ends its connections', async () => {
  const own = await openDoors(runs)
  const by = new JupyterClient(own.url)
  const channels = await by.connect(await by.start())
  await own.close()
  await soon(() => channels.closed).toBe(1001)
})
