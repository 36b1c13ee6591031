import { once } from 'node:events'
import { connect } from 'node:net'
import { afterEach, beforeAll, beforeEach, describe, expect, test } from 'vitest'
import WebSocket from 'ws'
import { readRequest } from '../../src/api/jupyter/message.ts'
import { ManagerError } from '../../src/errors.ts'
import type { RunOutcome } from '../../src/run/types.ts'
import { FakeRuns, KEY, keys, openDoors, useDoors } from '../support/door.ts'
import { type Channels, JupyterClient, type Said } from '../support/jupyter-client.ts'

/** Connections of Jupyter's door, over runs that never happen: how they end, and what they may send. */
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
const soon = <T>(what: () => T) => expect.poll(what, { timeout: 30_000 })
const find = (said: readonly Said[], type: string) => said.find(({ msg_type }) => msg_type === type)

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
