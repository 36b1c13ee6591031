import { mkdtempSync, rmSync } from 'node:fs'
import { tmpdir } from 'node:os'
import path from 'node:path'
import { afterAll, beforeAll, describe, expect, test } from 'vitest'
import { ManagerError } from '../../src/errors.ts'
import { FakeRuns, KEY, keys, OTHER, openDoors, outcomeWith, useDoors } from '../support/door.ts'
import { HTTP_CLIENTS, type McpClient, type McpClientKind, TOOLS } from '../support/mcp-clients.ts'

/** The door for MCP over runs that never happen, asked by the official clients. */
const PNG = Buffer.from('89504e470d0a1a0a0000', 'hex')
const runs = new FakeRuns()
const door = useDoors(runs, { keys })

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
        // It may have been canceled before its code was to run.
        if (signal.aborted) gone()
        signal.addEventListener('abort', gone)
      })
    const start = () => client.callTool({ name: 'start_run', arguments: RUN.arguments })
    const first = (await start()).structuredContent
    expect(first).toMatchObject({ outcome: null, expires_at: null })
    const get = (by: McpClient, wait_seconds: number) =>
      by.callTool({ name: 'get_run', arguments: { run_id: first.run_id, wait_seconds } })
    const told = { state: 'running', output: 'so far', outcome: null }
    await expect
      .poll(async () => (await get(client, 0)).structuredContent, { timeout: 30_000 })
      .toMatchObject(told)
    const stranger = await connect({ url: door.url, key: OTHER })
    expect((await get(stranger, 0)).isError).toBe(true)
    const canceled = { name: 'cancel_run', arguments: { run_id: first.run_id } }
    expect((await stranger.callTool(canceled)).isError).toBe(true)
    await stranger.close()
    const waiting = get(client, 45)
    end()
    expect(await waiting).toMatchObject({
      content: [{ type: 'text', text: 'all\n' }],
      structuredContent: {
        state: 'ended',
        outcome: { status: 'succeeded', stdout: 'all\n' },
        expires_at: expect.any(String),
      },
    })
    const second = (await start()).structuredContent
    const answer = await client.callTool({
      name: 'cancel_run',
      arguments: { run_id: second.run_id },
    })
    expect(answer).toMatchObject({ isError: true, content: [{ text: 'The run was canceled.' }] })
  })

  test('of a run that was started, images come as images, and all else can be read', async () => {
    const files = [
      { path: 'plot.png', content: PNG },
      { path: 'out/a b.csv', content: Buffer.from('1,2') },
    ]
    const stdout = Buffer.from(`${'é'.repeat(20_000)}"end"`)
    runs.end = async () =>
      outcomeWith({
        exitCode: 3,
        stdout,
        files,
        displays: [{ 'image/png': PNG.toString('base64') }],
      })
    const started = await client.callTool({ name: 'start_run', arguments: RUN.arguments })
    const { run_id } = started.structuredContent
    const get = { name: 'get_run', arguments: { run_id, wait_seconds: 45 } }
    const { content, structuredContent } = await client.callTool(get)
    expect(content.map(({ type }) => type)).toEqual(['text', 'image', 'image', 'resource_link'])
    const { outcome } = structuredContent
    expect(outcome).toMatchObject({ status: 'failed', exit_code: 3 })
    const whole = await client.readResource({ uri: outcome.stdout_uri })
    expect(whole.contents[0]?.text).toBe(stdout.toString())
    expect((await client.readResource(content[3])).contents[0]?.text).toBe('1,2')
    const { resources } = await client.listResources()
    expect(resources.map(({ uri }) => uri)).toContain(content[3].uri)
    const stranger = await connect({ url: door.url, key: OTHER })
    await expect(stranger.readResource(content[3])).rejects.toThrow()
    await stranger.close()
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

test('a run that waits survives a restart', async () => {
  const folder = mkdtempSync(path.join(tmpdir(), 'mcp-runs-'))
  const [{ connect }] = HTTP_CLIENTS as [McpClientKind]
  const busy = new FakeRuns()
  busy.end = async () => Promise.reject(new ManagerError('POOL_BUSY', 'No executor is free.'))
  // Nothing of it has begun.
  busy.start = () => busy.end({} as never, AbortSignal.abort())
  const before = await openDoors(busy, { keys }, { folder })
  const first = await connect({ url: before.url, key: KEY })
  const start = { name: 'start_run', arguments: RUN.arguments }
  const { run_id } = (await first.callTool(start)).structuredContent
  const get = { name: 'get_run', arguments: { run_id, wait_seconds: 0 } }
  expect((await first.callTool(get)).structuredContent).toMatchObject({ state: 'queued' })
  await first.close()
  await before.close()

  runs.end = async () => outcomeWith({ stdout: Buffer.from('1\n') })
  const after = await openDoors(runs, { keys }, { folder })
  const second = await connect({ url: after.url, key: KEY })
  const waits = { ...get, arguments: { run_id, wait_seconds: 45 } }
  expect((await second.callTool(waits)).structuredContent).toMatchObject({
    state: 'ended',
    outcome: { status: 'succeeded', stdout: '1\n' },
  })
  // The native API knows it as well.
  const ask = (key: string) =>
    fetch(`${after.url}/v1/runs/${run_id}`, { headers: { 'x-api-key': key } })
  expect([(await ask(KEY)).status, (await ask(OTHER)).status]).toEqual([200, 404])
  await second.close()
  await after.close()
  rmSync(folder, { recursive: true, force: true })
})
