import { once } from 'node:events'
import { describe, expect, test } from 'vitest'
import { MIB } from '../../src/lib/units.ts'
import { e2bClient, frame } from '../support/e2b-client.ts'
import { useManager } from '../support/manager.ts'
import { soon } from '../support/session-client.ts'

const client = useManager({ runtimes: ['bash'], sessionsPerCaller: 8 })
const { create, send, call, stream, begin, run } = e2bClient(() => client.url)
const START = 'process.Process/Start'
const SLEEP = { process: { cmd: '/bin/sleep', args: ['1000'] } }
type Made = Awaited<ReturnType<typeof create>>

async function pidsOf(sandbox: Made): Promise<number[]> {
  const { body } = await call(sandbox, 'process.Process/List', {})
  return body.processes.map(({ pid }: { pid: number }) => pid)
}

/** Starts a process whose client has gone. */
async function startAndLeave(sandbox: Made, message: object): Promise<number> {
  const before = await pidsOf(sandbox)
  const { asked, response } = begin(sandbox, START, message)
  await once(await response, 'data')
  asked.destroy()
  const [pid] = (await pidsOf(sandbox)).filter((one) => !before.includes(one))
  return pid as number
}

describe('frames of every wrong kind', () => {
  const head = (flags: number, length: number) => {
    const bytes = Buffer.alloc(5)
    bytes[0] = flags
    bytes.writeUInt32BE(length, 1)
    return bytes
  }
  const good = frame(SLEEP)
  const wrong: Record<string, Buffer> = {
    'nothing at all': Buffer.alloc(0),
    'half a head': head(0, 2).subarray(0, 3),
    'a message that is cut': good.subarray(0, -4),
    'a length of 4 GiB': head(0, 2 ** 32 - 1),
    'a compressed message': frame(SLEEP, 1),
    'an end of stream': frame({}, 2),
    'unknown flags': frame(SLEEP, 0x84),
    'two messages': Buffer.concat([good, good]),
    'no JSON': frame(Buffer.from('{"process"')),
    'no UTF-8': frame(Buffer.from([0xff, 0xfe, 0x00])),
    'JSON that is no message': frame([]),
    'JSON that is deep': frame(Buffer.from('['.repeat(100_000))),
    'a program without a name': frame({ process: { cmd: '' } }),
    'a name with a zero byte': frame({ process: { cmd: 'a\0b' } }),
    'fields of other types': frame({ process: { cmd: 7, args: 'x', envs: [] } }),
    'a terminal without columns': frame({ ...SLEEP, pty: { size: { cols: 0, rows: 1 } } }),
    'an argument that is too long': frame({
      process: { cmd: 'true', args: ['x'.repeat(2 * MIB)] },
    }),
  }

  test('are refused, and start nothing', async () => {
    const sandbox = await create()
    for (const method of [START, 'process.Process/Connect', 'process.Process/StreamInput']) {
      for (const [what, bytes] of Object.entries(wrong)) {
        // As a stream of input nothing at all, and what has no start and no data, is fine.
        if (method.endsWith('StreamInput') && !/cut|half|GiB|compressed|end|flags|JSON$/.test(what))
          continue
        const { status, end } = await stream(sandbox, method, bytes)
        expect([method, what, status, typeof end?.error?.code]).toEqual([
          method,
          what,
          200,
          'string',
        ])
      }
    }
    for (const type of [
      'application/json',
      'application/connect+proto',
      'application/grpc',
      'text/plain',
    ]) {
      const { status } = await send(sandbox, 'POST', `/${START}`, good, { 'content-type': type })
      expect([type, status]).toEqual([type, 415])
    }
    const late = await stream(sandbox, START, good, { 'connect-timeout-ms': 'soon' })
    expect(late.end.error.code).toBe('invalid_argument')
    expect(await pidsOf(sandbox)).toEqual([])
  })

  test('are refused as one message too, in the words of the protocol', async () => {
    const sandbox = await create()
    for (const body of [
      '',
      '{',
      '[]',
      '{"process": {"pid": 1, "tag": "x"}}',
      '{"process": {"pid": -1}}',
    ]) {
      const response = await send(sandbox, 'POST', '/process.Process/SendSignal', body, {
        'content-type': 'application/json',
      })
      expect([body, response.status]).toEqual([body, 400])
      expect(await response.json()).toMatchObject({ code: 'invalid_argument' })
    }
    expect(
      await call(sandbox, 'process.Process/CloseStdin', { process: { pid: 99_999 } }),
    ).toMatchObject({
      status: 404,
      body: { code: 'not_found', message: 'process with pid 99999 not found' },
    })
    const nobody = await run(sandbox, 'true', { authorization: `Basic ${btoa('nobody:')}` })
    expect(nobody.events).toEqual([])
  })
})

describe('what is held of a caller', () => {
  test('has bounds: processes, watchers, names that are long', async () => {
    const sandbox = await create()
    await Promise.all(
      Array.from({ length: 80 }, () => startAndLeave(sandbox, SLEEP).catch(() => {})),
    )
    const pids = await pidsOf(sandbox)
    expect(pids.length).toBeLessThanOrEqual(64)
    const over = await stream(sandbox, START, SLEEP)
    expect(over.end.error.code).toBe('resource_exhausted')
    await Promise.all(
      pids.map((pid) =>
        call(sandbox, 'process.Process/SendSignal', { process: { pid }, signal: 9 }),
      ),
    )
    expect(await pidsOf(sandbox)).toEqual([])

    const watch = () => call(sandbox, 'filesystem.Filesystem/CreateWatcher', { path: '/tmp' })
    const watchers = await Promise.all(Array.from({ length: 40 }, watch))
    const refused = watchers.filter(({ status }) => status !== 200)
    expect(refused).toHaveLength(8)
    expect(refused[0]?.body.code).toBe('resource_exhausted')
    const { watcherId } = watchers.find(({ status }) => status === 200)?.body ?? {}
    expect((await call(sandbox, 'filesystem.Filesystem/RemoveWatcher', { watcherId })).status).toBe(
      200,
    )
    await soon(async () => (await watch()).status).toBe(200)

    for (const path of ['a\0b', 'x'.repeat(5000), `${'d/'.repeat(3000)}f`]) {
      const { status, body } = await call(sandbox, 'filesystem.Filesystem/Stat', { path })
      expect([path.length, status, body.code]).toEqual([path.length, 400, 'invalid_argument'])
      const read = await send(sandbox, 'GET', `/files?path=${encodeURIComponent(path)}`)
      expect(read.status).toBe(400)
    }
  })

  test('stays small while nobody reads: an output, a terminal, a watch', async () => {
    const sandbox = await create()
    const before = process.memoryUsage.rss()
    const flood = { process: { cmd: 'bash', args: ['-c', 'yes 0123456789abcdef'] } }
    const terminal = { ...flood, pty: { size: { cols: 80, rows: 24 } } }
    const deaf = [flood, flood, terminal, terminal].map((one) => begin(sandbox, START, one))
    const watch = begin(sandbox, 'filesystem.Filesystem/WatchDir', {
      path: '/home/user',
      includeEntry: true,
    })
    for (const { response } of [...deaf, watch]) (await response).pause()
    const touched = await run(sandbox, 'for i in $(seq 3000); do : > f; done; echo done')
    expect(touched.stdout).toBe('done\n')
    expect((await pidsOf(sandbox)).length).toBe(4)
    expect(process.memoryUsage.rss() - before).toBeLessThan(256 * MIB)
  })

  test('is what a process does not read of its input, and no more than one piece of it', async () => {
    const sandbox = await create()
    const pid = await startAndLeave(sandbox, SLEEP)
    const other = await startAndLeave(sandbox, { process: { cmd: 'cat' } })
    const input = { stdin: Buffer.alloc(600 * 1024, 'x').toString('base64') }
    const ask = (to: number, signal?: AbortSignal) =>
      call(sandbox, 'process.Process/SendInput', { process: { pid: to }, input }, signal)
    const stop = new AbortController()
    const stuck = [ask(pid, stop.signal), ask(pid, stop.signal)].map((one) =>
      one.catch(() => 'gone'),
    )
    // Another process takes its input meanwhile, all of it.
    expect((await ask(other)).status).toBe(200)
    stop.abort()
    expect(await Promise.all(stuck)).toEqual(['gone', 'gone'])
    expect(
      (await call(sandbox, 'process.Process/SendSignal', { process: { pid }, signal: 9 })).status,
    ).toBe(200)
    expect((await ask(pid)).body.code).toBe('not_found')
  })

  test('is not a stream of input that says nothing', async () => {
    const sandbox = await create()
    const pid = await startAndLeave(sandbox, {
      process: { cmd: 'bash', args: ['-c', 'cat > got'] },
    })
    const { asked } = begin(sandbox, 'process.Process/StreamInput', { start: { process: { pid } } })
    asked.destroy()
    const data = { data: { input: { stdin: btoa('hello') } } }
    const start = { start: { process: { pid } } }
    const whole = await stream(
      sandbox,
      'process.Process/StreamInput',
      Buffer.concat([frame(start), frame(data)]),
    )
    expect(whole.frames).toEqual([
      { flags: 0, message: {} },
      { flags: 2, message: {} },
    ])
    await call(sandbox, 'process.Process/CloseStdin', { process: { pid } })
    await soon(async () => (await run(sandbox, 'cat got')).stdout).toBe('hello')
    const headless = await stream(sandbox, 'process.Process/StreamInput', frame(data))
    expect(headless.end.error.code).toBe('invalid_argument')
  })
})

test('a deadline ends the process though its client has gone, and holds for no other', async () => {
  const sandbox = await create()
  const { asked, response } = begin(sandbox, START, SLEEP, { 'connect-timeout-ms': '1500' })
  await once(await response, 'data')
  asked.destroy()
  const other = await startAndLeave(sandbox, SLEEP)
  await soon(() => pidsOf(sandbox)).toEqual([other])
  const waited = await stream(sandbox, START, SLEEP, { 'connect-timeout-ms': '300' })
  expect(waited.end.error.code).toBe('deadline_exceeded')
  // Who only looks at a process ends the look by a deadline.
  const look = await stream(
    sandbox,
    'process.Process/Connect',
    { process: { pid: other } },
    { 'connect-timeout-ms': '300' },
  )
  expect(look.end.error.code).toBe('deadline_exceeded')
  expect(await pidsOf(sandbox)).toEqual([other])
})
