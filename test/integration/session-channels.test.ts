import type { ChildProcess } from 'node:child_process'
import { type AddressInfo, createServer } from 'node:net'
import { PassThrough } from 'node:stream'
import { text } from 'node:stream/consumers'
import { afterAll, afterEach, beforeAll, beforeEach, describe, expect, test } from 'vitest'
import { Channels } from '../../src/supervisor/channels.ts'
import type { SessionProcess } from '../../src/supervisor/session-process.ts'
import type { Program } from '../../src/supervisor/session-protocol.ts'
import { HostSupervisor } from '../support/host-supervisor.ts'
import { sample } from '../support/sample.ts'

sample(3)

// The supervisor of sessions, as a process of the host: what it runs here is ours.
const user = { uid: 65_534, gid: 65_534 }
let supervisor: HostSupervisor
let child: ChildProcess
let channels: Channels
let end: () => Promise<void>

beforeAll(async () => {
  supervisor = await HostSupervisor.build()
})
afterAll(() => supervisor.remove())

beforeEach(() => {
  const started = supervisor.start()
  child = started.child
  channels = started.channels
  end = started.end
})
afterEach(() => end())

function start(argv: readonly string[], more: Partial<Program> = {}): Promise<SessionProcess> {
  return channels.start({ argv, cwd: '/', env: { PATH: '/usr/bin:/bin' }, user, ...more })
}
const bash = (line: string, more?: Partial<Program>) => start(['bash', '-c', line], more)

async function outcome(started: SessionProcess, input = '') {
  started.stdin.end(input)
  const [stdout, stderr, end] = await Promise.all([
    text(started.stdout),
    text(started.stderr),
    started.exited,
  ])
  return { stdout, stderr, ...end }
}

describe('processes', () => {
  test('have input, outputs, a folder, variables, a user and an exit code', async () => {
    const program = await bash('pwd; id -u; echo $WORD; cat; echo bad >&2; exit 3', {
      cwd: '/usr',
      env: { PATH: '/usr/bin:/bin', WORD: 'a b' },
    })
    const stdout = `/usr\n${user.uid}\na b\nhello`
    expect(await outcome(program, 'hello')).toEqual({
      stdout,
      stderr: 'bad\n',
      exitCode: 3,
      signal: 0,
    })
  })

  test('that cannot be started fail with the errno', async () => {
    await expect(start(['/no/such'])).rejects.toMatchObject({ errno: 2 })
    await expect(start(['true'], { cwd: '/no/such' })).rejects.toMatchObject({ errno: 2 })
    await expect(start(['/etc/passwd'])).rejects.toMatchObject({ errno: 13 })
    await expect(start([])).rejects.toMatchObject({ errno: 22 })
    await expect(start(['true', 'x'.repeat(2_000_000)])).rejects.toMatchObject({ errno: 7 })
    expect(await outcome(await bash('echo still here'))).toMatchObject({ stdout: 'still here\n' })
  })

  test('carry more than a window both ways', async () => {
    const bytes = 'x'.repeat(5_000_000)
    const { stdout } = await outcome(await start(['cat']), bytes)
    expect(stdout === bytes).toBe(true)
  })

  test('whose output nobody reads are held up, and others are not', async () => {
    const flood = await bash('while :; do echo yyyyyyyyyyyyyyyyyyyyyyyyyyyyyyy; done')
    for (let i = 0; i < 10; i++) {
      expect(await outcome(await bash('echo ok'))).toMatchObject({ stdout: 'ok\n' })
    }
    // A window, and what was asked for before it was full.
    expect(flood.stdout.readableLength).toBeLessThanOrEqual(2 * 256 * 1024)
    flood.release()
    expect(await flood.exited).toEqual({ exitCode: 0, signal: 9 })
  })

  test('end by a signal, their group too', async () => {
    const group = await bash('sleep 1000 & echo started; sleep 1000')
    await new Promise((resolve) => group.stdout.once('data', resolve))
    const ended = new Promise((resolve) => group.stdout.resume().once('end', resolve))
    group.signal(15)
    expect(await group.exited).toEqual({ exitCode: 0, signal: 15 })
    await ended
  })

  test('outlive their parent, with its output, until they are released', async () => {
    const parent = await bash('sleep 1000 & echo started')
    const all = text(parent.stdout)
    expect(await parent.exited).toEqual({ exitCode: 0, signal: 0 })
    parent.release()
    expect(await all).toBe('started\n')
  })

  test('tell of their end after all that they wrote', async () => {
    for (let i = 0; i < 20; i++) {
      const started = await bash("head -c 300000 /dev/zero | tr '\\0' x")
      let length = 0
      started.stdout.on('data', (chunk: Buffer) => {
        length += chunk.length
      })
      await started.exited
      expect(length).toBe(300_000)
    }
  })

  test('whose outputs are closed are told so when they write', async () => {
    const endless = await start(['yes'])
    await new Promise((resolve) => endless.stdout.once('data', resolve))
    endless.stdout.destroy()
    expect(await endless.exited).toEqual({ exitCode: 0, signal: 13 })
  })

  test('that do not read their input hold up its writer alone', async () => {
    const deaf = await start(['sleep', '1000'])
    const written = new Promise<void>((resolve) =>
      deaf.stdin.write(Buffer.alloc(1_000_000), () => resolve()),
    )
    expect(await outcome(await bash('echo ok'))).toMatchObject({ stdout: 'ok\n' })
    deaf.signal(9)
    await deaf.exited
    await written
  })

  test('have a control pipe each way, as runners do', async () => {
    const runner = await bash('cat <&198 >&199', { hasControl: true })
    runner.control?.input.end('word')
    expect(runner.control && (await text(runner.control.output))).toBe('word')
    runner.stdout.resume()
    runner.stderr.resume()
    expect(await runner.exited).toMatchObject({ exitCode: 0 })
  })

  test('say by control what they say after all that they printed before', async () => {
    // Of a parallel flood only what was there before counts, so that it holds up nothing.
    const line = `
      yes other >&2 &
      for i in {1..200}; do printf "%0$((RANDOM % 3000 + 1))d;" $i; printf "$i;" >&199; done`
    const runner = await bash(line, { hasControl: true })
    let printed = ''
    let ended = 0
    runner.stdout.on('data', (chunk: Buffer) => {
      printed += chunk
    })
    runner.stderr.resume()
    runner.control?.output.on('data', (chunk: Buffer) => {
      for (const told of String(chunk).split(';').slice(0, -1)) {
        ended = Number(told)
        expect(printed.split(';').length - 1).toBeGreaterThanOrEqual(ended)
      }
    })
    await runner.exited
    expect(ended).toBe(200)
    runner.release()
  })

  test('are at most 256 at once', async () => {
    const sleepers = await Promise.all(Array.from({ length: 256 }, () => start(['sleep', '1000'])))
    await expect(start(['true'])).rejects.toMatchObject({ errno: 24 })
    for (const sleeper of sleepers) sleeper.release()
    await Promise.all(sleepers.map(({ exited }) => exited))
    await expect.poll(() => start(['true']).catch(() => null)).not.toBeNull()
  })
})

describe('terminals', () => {
  test('have a size that changes, echo and line ends', async () => {
    const line = 'stty size; read word; echo got $word; stty size'
    const shell = await bash(line, { terminal: { columns: 100, rows: 30 } })
    let seen = ''
    shell.stdout.on('data', (chunk: Buffer) => {
      seen += chunk
    })
    await expect.poll(() => seen).toContain('30 100\r\n')
    shell.resize(90, 20)
    shell.stdin.write('abc\n')
    expect(await shell.exited).toMatchObject({ exitCode: 0 })
    await expect.poll(() => seen).toBe('30 100\r\nabc\r\ngot abc\r\n20 90\r\n')
  })

  test('pass control-C on as an interrupt', async () => {
    const shell = await start(['sleep', '1000'], { terminal: { columns: 80, rows: 24 } })
    shell.stdout.resume()
    await expect
      .poll(() => {
        shell.stdin.write('\u0003')
        return Promise.race([shell.exited, null])
      })
      .toEqual({ exitCode: 0, signal: 2 })
  })
})

describe('connections', () => {
  test('carry bytes both ways, and are refused where nobody listens', async () => {
    const server = createServer((socket) => socket.pipe(socket)).listen(0, '127.0.0.1')
    await new Promise((resolve) => server.once('listening', resolve))
    const { port } = server.address() as AddressInfo
    const connection = await channels.connect(port)
    const bytes = Buffer.alloc(1_000_000, 'z')
    connection.end(bytes)
    let length = 0
    for await (const chunk of connection) length += chunk.length
    expect(length).toBe(bytes.length)
    await new Promise((resolve) => server.close(resolve))
    await expect(channels.connect(port)).rejects.toMatchObject({ errno: 111 })
  })
})

test('a pause ends what is said, and a resume goes on with it', async () => {
  const ticks = await bash('while :; do echo tick; sleep 0.01; done')
  let count = 0
  ticks.stdout.on('data', () => count++)
  await expect.poll(() => count).toBeGreaterThan(2)
  await channels.pause()
  const paused = count
  await new Promise((resolve) => setTimeout(resolve, 100))
  expect(count).toBe(paused)
  channels.resume()
  await expect.poll(() => count).toBeGreaterThan(paused)
  ticks.release()
  await ticks.exited
})

test.each([
  ['STARTED of no channel', [8, 0, 0, 0, 32, 9, 0, 0, 0, 1, 0, 0, 0]],
  ['an unknown type', [4, 0, 0, 0, 99, 1, 0, 0, 0]],
  ['PAUSED without PAUSE', [4, 0, 0, 0, 38, 0, 0, 0, 0]],
  ['a frame that is too long', [255, 255, 255, 127, 34, 1, 0, 0, 0]],
])('a supervisor that says %s is given up', async (_, bytes) => {
  const output = new PassThrough()
  const forged = new Channels(new PassThrough(), output)
  output.write(Buffer.from(bytes))
  await forged.ended
  await expect(forged.pause()).rejects.toThrow()
})

test('when the supervisor ends, all that waits fails', async () => {
  const process = await start(['sleep', '1000'])
  child.kill('SIGKILL')
  await expect(process.exited).rejects.toThrow('the sandbox has ended')
  await expect(start(['true'])).rejects.toThrow('the sandbox has ended')
  await expect(channels.pause()).rejects.toThrow('the sandbox has ended')
})
