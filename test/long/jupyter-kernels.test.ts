import { afterEach, describe, expect, test } from 'vitest'
import { scaledMs } from '../../src/lib/time-scale.ts'
import { type Channels, JupyterClient, type Said } from '../support/jupyter-client.ts'
import { useManager } from '../support/manager.ts'

/** Kernels of Jupyter's door that keep their state, on real sandboxes. */

const manager = useManager({ limits: { wallTimeMs: 20_000, memoryBytes: 512 * 1024 ** 2 } })
const open: Channels[] = []
const ids: string[] = []
const client = () => new JupyterClient(manager.url)
afterEach(async () => {
  for (const { socket } of open.splice(0)) socket.terminate()
  for (const id of ids.splice(0)) await client().ask('DELETE', `/kernels/${id}`)
})

async function started(name: string) {
  const id = await client().start(name)
  ids.push(id)
  return { id, channels: await connected(id) }
}
async function connected(id: string, session = 'one', protocol?: string) {
  const channels = await client().connect(id, {}, { session, protocol })
  open.push(channels)
  return channels
}
const find = (said: readonly Said[], type: string) => said.find(({ msg_type }) => msg_type === type)
const textOf = (said: readonly Said[]) => said.map(({ content }) => content.text ?? '').join('')
const soon = <T>(what: () => T) => expect.poll(what, { timeout: scaledMs(60_000) })

describe.each([
  [
    'python3',
    'x = 6',
    'print(x * 7)',
    'if x:',
    '1 / 0',
    'print("on", flush=True)\nwhile True: pass',
  ],
  ['javascript', 'x = 6', 'console.log(x * 7)', 'f(', 'null.x', 'console.log("on"); while (true);'],
  [
    'typescript',
    'let x: number = 6',
    'console.log(x * 7)',
    'f(',
    'null.x',
    'console.log("on"); for (;;);',
  ],
  ['bash', 'x=6', 'echo $((x * 7))', '', 'false', 'echo on; sleep 1000'],
])('a kernel %s', (name, first, second, open, wrong, endless) => {
  test('keeps its state, is interrupted, and begins anew', async () => {
    const { id, channels } = await started(name)
    const info = await channels.answersTo(channels.send('kernel_info_request'))
    expect(find(info, 'kernel_info_reply')?.content.status).toBe('ok')
    const began = await channels.execute(first)
    expect(find(began, 'execute_reply')?.content).toMatchObject({
      status: 'ok',
      execution_count: 1,
    })
    const told = await channels.execute(second)
    expect(textOf(told)).toBe('42\n')
    expect(find(told, 'execute_reply')?.content).toMatchObject({ status: 'ok', execution_count: 2 })
    expect(find(await channels.execute(wrong), 'execute_reply')?.content.status).toBe('error')
    const ended = channels.execute(endless)
    await channels.until(() => channels.said.some(({ content }) => content.text === 'on\n'))
    await client().ask('POST', `/kernels/${id}/interrupt`)
    expect(find(await ended, 'execute_reply')?.content.status).toBe('error')
    expect(textOf(await channels.execute(second))).toBe('42\n')
    if (open !== '') {
      const asked = await channels.answersTo(channels.send('is_complete_request', { code: open }))
      expect(find(asked, 'is_complete_reply')?.content.status).toBe('incomplete')
    }
    expect((await client().ask('POST', `/kernels/${id}/restart`)).status).toBe(200)
    const anew = await channels.execute(second)
    expect(textOf(anew)).not.toContain('42')
    expect((await client().ask('DELETE', `/kernels/${id}`)).status).toBe(204)
    await soon(() => channels.closed).toBe(1001)
    expect((await client().ask('GET', `/kernels/${id}`)).status).toBe(404)
  })
})

test('Python answers what may follow, what a name is, and what expressions are worth', async () => {
  const { channels } = await started('python3')
  const ask = async (type: string, content: object) =>
    find(await channels.answersTo(channels.send(`${type}_request`, content)), `${type}_reply`)
      ?.content
  await channels.execute('def somewhere(a):\n    "What it does."')
  expect(await ask('complete', { code: 'é = somewh', cursor_pos: 10 })).toMatchObject({
    ...{ matches: ['somewhere'], cursor_start: 4, cursor_end: 10 },
  })
  const inspected = await ask('inspect', { code: 'somewhere(', cursor_pos: 10, detail_level: 0 })
  expect(inspected.found).toBe(true)
  expect(inspected.data['text/plain']).toContain('What it does.')
  const content = { code: 'y = 2', user_expressions: { a: 'y + 1', b: '1 / 0' } }
  const { user_expressions: worth, execution_count: count } = await ask('execute', content)
  expect(worth.a).toMatchObject({ status: 'ok', data: { 'text/plain': '3' } })
  expect(worth.b).toMatchObject({ status: 'error', ename: 'ZeroDivisionError' })
  expect(count).toBe(2)
  expect(await ask('history', { hist_access_type: 'tail', n: 1, output: false })).toMatchObject({
    history: [[0, 2, 'y = 2']],
  })
})

test('an error is told once, with its whole message', async () => {
  const { channels } = await started('python3')
  const told = await channels.execute('class Answer(Exception): pass\nraise Answer("é" * 100_000)')
  expect(find(told, 'error')?.content).toMatchObject({
    ...{ ename: 'Answer', evalue: 'é'.repeat(100_000) },
  })
  expect(find(told, 'stream')).toBeUndefined()
})

test('JavaScript answers what may follow and what a name is', async () => {
  const { channels } = await started('javascript')
  const ask = async (type: string, content: object) =>
    find(await channels.answersTo(channels.send(`${type}_request`, content)), `${type}_reply`)
      ?.content
  await channels.execute('const somewhere = { deep: (a) => a }')
  expect(await ask('complete', { code: 'somewhere.de', cursor_pos: 12 })).toMatchObject({
    ...{ matches: ['deep'], cursor_start: 10, cursor_end: 12 },
  })
  const inspected = await ask('inspect', { code: 'somewhere.deep', cursor_pos: 14 })
  expect(inspected.data['text/plain']).toContain('(a) => a')
})

test('several clients see what one executes, in text and in binary frames', async () => {
  const { id, channels } = await started('python3')
  const other = await connected(id, 'other', 'v1.kernel.websocket.jupyter.org')
  const told = await channels.execute('print("é")\n6 * 7')
  const isIdle = () => other.said.some(({ content }) => content.execution_state === 'idle')
  await other.until(isIdle)
  expect(other.said.map(({ msg_type }) => msg_type)).toEqual(
    told.map(({ msg_type }) => msg_type).filter((type) => type !== 'execute_reply'),
  )
  expect(find(other.said, 'execute_result')?.content.data['text/plain']).toBe('42')
  expect(textOf(await other.execute('print("ü")'))).toBe('ü\n')
})

test('what is said while a client is away is told when it comes again', async () => {
  const { id, channels } = await started('python3')
  await channels.execute('import os, time')
  const program = 'while not os.path.exists("/tmp/go"): time.sleep(0.1)\nprint("gone on")'
  channels.execute(program).catch(() => {})
  await channels.until(() => channels.said.some(({ content }) => content.code === program))
  channels.socket.close()
  const model = async () => (await client().ask('GET', `/kernels/${id}`)).json()
  await soon(model).toMatchObject({ connections: 0, execution_state: 'busy' })
  const body = JSON.stringify({ type: 'file', format: 'text', content: '' })
  const headers = { 'content-type': 'application/json' }
  const at = `${manager.url}/api/contents/${id}//tmp/go`
  expect((await fetch(at, { method: 'PUT', body, headers })).status).toBe(201)
  await soon(model).toMatchObject({ connections: 0, execution_state: 'idle' })
  const again = await connected(id, 'one')
  await again.until(() => again.said.some(({ content }) => content.execution_state === 'idle'))
  expect(textOf(again.said)).toBe('gone on\n')
  expect(find(again.said, 'execute_reply')?.content.status).toBe('ok')
})

test('a kernel whose process ends is told as dead, and goes on without variables', async () => {
  const { channels } = await started('python3')
  await channels.execute('x = 1')
  const told = await channels.execute('import os; os._exit(3)')
  expect(find(told, 'error')?.content.ename).toBe('KernelDied')
  expect(channels.said.some(({ content }) => content.execution_state === 'restarting')).toBe(true)
  expect(find(await channels.execute('x'), 'error')?.content.ename).toBe('NameError')
})

test('after an error, executions that wait are aborted', async () => {
  const { channels } = await started('python3')
  const first = channels.execute('import time; time.sleep(0.5); 1 / 0')
  const second = channels.execute('print("no")')
  expect(find(await first, 'execute_reply')?.content.status).toBe('error')
  expect(find(await second, 'execute_reply')?.content.status).toBe('aborted')
})
