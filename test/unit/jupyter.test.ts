import { afterEach, beforeAll, describe, expect, test } from 'vitest'
import { ManagerError } from '../../src/errors.ts'
import type { RunOutcome } from '../../src/run/types.ts'
import { FakeRuns, KEY, keys, OTHER, outcomeWith, useDoors } from '../support/door.ts'
import { type Channels, JupyterClient, type Said } from '../support/jupyter-client.ts'

/** Jupyter's door over runs that never happen. */
const runs = new FakeRuns()
const open: Channels[] = []
const door = useDoors(runs, { keys })
let client: JupyterClient

beforeAll(() => {
  client = new JupyterClient(door.url, KEY)
})
afterEach(() => {
  for (const { socket } of open.splice(0)) socket.terminate()
})

async function connected(by = client): Promise<Channels> {
  const channels = await by.connect(await by.start())
  open.push(channels)
  return channels
}
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
