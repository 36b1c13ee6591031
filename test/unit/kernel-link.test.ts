import { PassThrough } from 'node:stream'
import fc from 'fast-check'
import { describe, expect, test } from 'vitest'
import { readConfig } from '../../src/config.ts'
import { Collector } from '../../src/run/collect.ts'
import type { RunEvent } from '../../src/run/types.ts'
import { encodeFrame } from '../../src/supervisor/frames.ts'
import { KernelLink, type LinkState } from '../../src/supervisor/kernel-link.ts'
import type { KernelTask } from '../../src/supervisor/kernel-protocol.ts'
import type { SessionProcess } from '../../src/supervisor/session-process.ts'
import type { ProcessEnd } from '../../src/supervisor/session-protocol.ts'

const TOKEN = '0123456789abcdef'
const LIMITS = { ...readConfig({}).limits, outputBytes: 1000, resultBytes: 1000 }
const [READY, RESULT, FAILURE, DISPLAY, VALUE, ENDED] = [1, 3, 4, 8, 9, 10]

/** A kernel of the test's own. */
class FakeKernel {
  readonly input = new PassThrough()
  readonly output = new PassThrough()
  readonly stdin = new PassThrough()
  readonly stdout = new PassThrough()
  readonly stderr = new PassThrough()
  readonly signals: number[] = []
  isReleased = false
  exit: (end: ProcessEnd) => void = () => {}
  fail: (error: Error) => void = () => {}
  readonly link: KernelLink

  constructor(state: LinkState | null = null) {
    const exited = new Promise<ProcessEnd>((resolve, reject) => {
      this.exit = resolve
      this.fail = reject
    })
    const process = {
      pid: 5,
      channel: 1,
      stdin: this.stdin,
      stdout: this.stdout,
      stderr: this.stderr,
      control: { input: this.input, output: this.output },
      exited,
      signal: (number: number) => this.signals.push(number),
      release: () => {
        this.isReleased = true
        this.exit({ exitCode: 0, signal: 9 })
      },
    }
    this.link = new KernelLink(process as unknown as SessionProcess, LIMITS, state)
  }

  say(type: number, payload: string | Buffer = ''): void {
    this.output.write(encodeFrame(type, Buffer.from(payload)))
  }

  end(code = 0, token = TOKEN): void {
    this.say(ENDED, Buffer.concat([Buffer.from(token), Buffer.of(code)]))
  }
}

const task: KernelTask = {
  code: Buffer.from('1'),
  mode: 'cell',
  argumentsJson: Buffer.from('{}'),
  argv: [],
  env: {},
  tells: { errorsAlone: false, data: false },
  stdin: null,
  name: 'cell 1',
  lastingEnv: {},
  reseeds: false,
}

function run(kernel: FakeKernel, events: RunEvent[] = []) {
  const collector = new Collector(LIMITS, (event) => events.push(event))
  let floods = 0
  const ended = kernel.link.run(task, TOKEN, 'call\n', collector, () => floods++)
  return { collector, ended, floods: () => floods }
}

async function ready(): Promise<FakeKernel> {
  const kernel = new FakeKernel()
  kernel.say(READY)
  await kernel.link.ready()
  return kernel
}

describe('a link to a kernel', () => {
  test('takes one run after the other', async () => {
    const kernel = await ready()
    for (const code of [0, 3]) {
      const events: RunEvent[] = []
      const { collector, ended } = run(kernel, events)
      kernel.stdout.write('printed')
      kernel.say(DISPLAY, '{"text/plain":"shown"}')
      kernel.say(VALUE, '{"text/plain":"value"}')
      kernel.say(RESULT, '1')
      kernel.say(FAILURE, '{"name":"E"}')
      kernel.end(code)
      expect(await ended).toEqual({ how: 'ended', exitCode: code })
      expect(collector.transcript).toMatchObject({
        displays: [{ 'text/plain': 'shown' }],
        value: { 'text/plain': 'value' },
        failure: { name: 'E' },
      })
      expect(events.map(({ type }) => type).sort()).toEqual(['display', 'stdout'])
    }
    expect(kernel.stdin.read().toString()).toBe('call\ncall\n')
    expect(kernel.isReleased).toBe(false)
  })

  test('tells the end of what was printed between runs with the next', async () => {
    const kernel = await ready()
    kernel.stdout.write('x'.repeat(100_000))
    kernel.stdout.write('last')
    await new Promise(setImmediate)
    const events: RunEvent[] = []
    const { floods, collector } = run(kernel, events)
    expect(floods()).toBe(0)
    expect(Buffer.concat(collector.transcript.stdout).toString()).toMatch(/^x{496}last$/)
    kernel.end()
  })

  test('takes what is printed without end slowly, and goes on', async () => {
    const kernel = await ready()
    for (let i = 0; i < 40; i++) kernel.stdout.write(Buffer.alloc(100_000))
    await expect.poll(() => kernel.stdout.isPaused()).toBe(true)
    expect(kernel.stdout.readableLength).toBeGreaterThan(0)
    await expect.poll(() => kernel.stdout.readableLength).toBe(0)
    expect(kernel.stdout.isPaused()).toBe(false)
  })

  test('drops what is more than may be, and goes on', async () => {
    const kernel = await ready()
    const { collector, ended, floods } = run(kernel)
    for (let i = 0; i < 10; i++) kernel.stdout.write('y'.repeat(300))
    await new Promise(setImmediate)
    expect(floods()).toBe(1)
    kernel.end(1)
    expect(await ended).toEqual({ how: 'ended', exitCode: 1 })
    expect(collector.transcript.flooded).toBe('stdout')
  })

  test('interrupts what runs, and nothing else', async () => {
    const kernel = await ready()
    kernel.link.interrupt()
    const { ended } = run(kernel)
    kernel.link.interrupt()
    kernel.end()
    await ended
    kernel.link.interrupt()
    expect(kernel.signals).toEqual([2])
  })

  const broken: readonly (readonly [string, (kernel: FakeKernel) => void])[] = [
    ['an end of another run', (kernel) => kernel.end(0, 'f'.repeat(16))],
    ['an end without a token', (kernel) => kernel.say(ENDED, 'x')],
    [
      'two ends',
      (kernel) => {
        kernel.end()
        kernel.end()
      },
    ],
    ['a second ready', (kernel) => kernel.say(READY)],
    ['a bundle that is none', (kernel) => kernel.say(DISPLAY, '[]')],
    ['a type that there is not', (kernel) => kernel.say(99)],
    ['a result that is too long', (kernel) => kernel.say(RESULT, 'x'.repeat(1001))],
    [
      'output without a run',
      (kernel) => {
        kernel.end()
        kernel.say(DISPLAY, '{"a/b":1}')
      },
    ],
  ]
  test.each(broken)('is over after %s', async (_, break_) => {
    const kernel = await ready()
    run(kernel)
    break_(kernel)
    expect(await kernel.link.over).toMatchObject({ how: 'broke' })
    expect(kernel.isReleased).toBe(true)
    expect(kernel.link.isOver).toBe(true)
    expect(await run(kernel).ended).toMatchObject({ how: 'broke' })
  })

  test('is over with its process, and with its sandbox', async () => {
    const one = await ready()
    const ended = run(one).ended
    one.exit({ exitCode: 7, signal: 0 })
    expect(await ended).toEqual({ how: 'exited', exitCode: 7, signal: 0 })
    const other = await ready()
    const lost = run(other).ended
    other.fail(new Error('gone'))
    expect(await lost).toEqual({ how: 'lost' })
  })

  test('goes on where another manager was, in the midst of a frame', async () => {
    const first = await ready()
    run(first)
    const frame = encodeFrame(DISPLAY, Buffer.from('{"text/plain":"shown"}'))
    first.output.write(frame.subarray(0, 9))
    await new Promise(setImmediate)
    const state = first.link.state()
    expect(state.token).toBe(TOKEN)
    const second = new FakeKernel(state)
    let isIdle = false
    void second.link.ready().then(() => {
      isIdle = true
    })
    second.output.write(frame.subarray(9))
    second.stdout.write('of the run that is lost')
    await new Promise(setImmediate)
    expect(isIdle).toBe(false)
    second.end(1)
    await second.link.ready()
    const { ended, collector } = run(second)
    second.end(0)
    expect(await ended).toEqual({ how: 'ended', exitCode: 0 })
    expect(collector.transcript).toMatchObject({ stdout: [], displays: [] })
  })

  test('never throws, hangs or keeps more than may be, whatever it reads', async () => {
    const piece = fc.oneof(
      fc.uint8Array({ maxLength: 40 }).map((bytes) => Buffer.from(bytes)),
      fc
        .tuple(fc.integer({ min: 0, max: 12 }), fc.uint8Array({ maxLength: 40 }))
        .map(([type, bytes]) => encodeFrame(type, bytes)),
      fc.constant(encodeFrame(DISPLAY, Buffer.from('{"text/plain":"x"}'))),
      fc.constant(encodeFrame(ENDED, Buffer.concat([Buffer.from(TOKEN), Buffer.of(0)]))),
    )
    await fc.assert(
      fc.asyncProperty(fc.array(piece, { maxLength: 30 }), async (pieces) => {
        const kernel = await ready()
        const { ended, collector } = run(kernel)
        for (const bytes of pieces) kernel.output.write(bytes)
        kernel.output.end()
        kernel.exit({ exitCode: 0, signal: 0 })
        const { how } = await ended
        expect(['ended', 'exited', 'broke']).toContain(how)
        expect(collector.transcript.displays.length).toBeLessThanOrEqual(100)
      }),
      { numRuns: 300 },
    )
  })
})
