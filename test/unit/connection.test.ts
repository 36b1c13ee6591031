import { PassThrough } from 'node:stream'
import { setImmediate as turn } from 'node:timers/promises'
import fc from 'fast-check'
import { beforeEach, describe, expect, test } from 'vitest'
import type { Transcript } from '../../src/run/record.ts'
import { plainTask } from '../../src/run/task.ts'
import type { RunEvent } from '../../src/run/types.ts'
import { Connection } from '../../src/supervisor/connection.ts'
import { encodeFrame, FrameParser } from '../../src/supervisor/frames.ts'
import {
  ARTIFACT,
  CONTROL,
  CONTROL_FRAME,
  EXIT,
  encodePing,
  INPUT,
  LEFT_OUT,
  RUN,
  STDERR,
  STDOUT,
} from '../../src/supervisor/protocol.ts'
import { warmUp } from '../support/connections.ts'
import { LIMITS } from '../support/limits.ts'

const TASK = plainTask(Buffer.from('code'), LIMITS)
const GOOD_END = encodeFrame(EXIT, Buffer.alloc(8))

let input: PassThrough
let output: PassThrough
let connection: Connection

beforeEach(() => {
  input = new PassThrough()
  output = new PassThrough()
  connection = new Connection(input, output, LIMITS)
})

const control = (type: number, payload = '') =>
  encodeFrame(CONTROL, encodeFrame(type, Buffer.from(payload)))
const ready = control(CONTROL_FRAME.READY)

function head(type: number, length: number): Buffer {
  const bytes = Buffer.alloc(5)
  bytes.writeUInt32LE(length)
  bytes[4] = type
  return bytes
}

function artifact(name: string, content: string): Buffer {
  const head = Buffer.from([name.length, 0])
  return encodeFrame(ARTIFACT, Buffer.concat([head, Buffer.from(name), Buffer.from(content)]))
}

function leftOut(path: string): Buffer {
  const head = Buffer.from([1, 9, 0, 0, 0, 0, 0, 0, 0])
  return encodeFrame(LEFT_OUT, Buffer.concat([head, Buffer.from(path)]))
}

/** A connection that runs, and what will be its transcript. */
async function running(): Promise<{ transcript: Promise<Transcript> }> {
  await warmUp(connection, output)
  return { transcript: connection.run(TASK) }
}

async function transcriptOf(...said: Buffer[]): Promise<Transcript> {
  const { transcript } = await running()
  for (const bytes of said) output.write(bytes)
  return transcript
}

describe('before the run', () => {
  test('is ready when the runner says so, and answers a ping', async () => {
    const isReady = connection.ready()
    output.write(ready)
    await isReady
    const answered = connection.ping(null)
    expect(input.read()).toEqual(encodePing(null))
    output.write(control(CONTROL_FRAME.PONG))
    await answered
  })

  test('fails with what the sandbox printed when that ends instead', async () => {
    const isReady = connection.ready()
    output.write(encodeFrame(STDERR, Buffer.from('No module named x')))
    output.destroy()
    await expect(isReady).rejects.toThrow('No module named x')
    await expect(connection.ping(null)).rejects.toThrow('the sandbox has ended')
  })

  test.each([
    ['a result', control(CONTROL_FRAME.RESULT, '1')],
    ['an answer nobody asked for', control(CONTROL_FRAME.PONG)],
    ['an end', GOOD_END],
    ['an artifact', artifact('a.csv', 'x')],
    ['an unknown frame', encodeFrame(99)],
    ['an unknown control frame', control(99)],
  ])('%s breaks the rules', async (_what, bytes) => {
    const isReady = connection.ready()
    output.write(bytes)
    await expect(isReady).rejects.toThrow()
  })

  test('a second READY breaks the rules: the sandbox then takes no task', async () => {
    const isReady = connection.ready()
    output.write(ready)
    await isReady
    output.write(ready)
    await turn()
    expect(await connection.run(TASK)).toMatchObject({ isTaskUnread: true, violation: null })
  })
})

describe('a run', () => {
  test('sends one RUN frame', async () => {
    await running()
    const sent = [...new FrameParser(() => 2 ** 32).push(input.read())]
    expect(sent.map(({ type }) => type)).toEqual([INPUT, RUN])
  })

  test('is not begun in a sandbox that was not warmed up, and so not reseeded', async () => {
    const isReady = connection.ready()
    output.write(ready)
    await isReady
    expect(await connection.run(TASK)).toMatchObject({ report: null, isTaskUnread: true })
    expect(input.read()).toBeNull()
  })

  test('is told by what was said until EXIT', async () => {
    const transcript = await transcriptOf(
      encodeFrame(STDOUT, Buffer.from('out ')),
      encodeFrame(STDERR, Buffer.from('err')),
      encodeFrame(STDOUT, Buffer.from('more')),
      control(CONTROL_FRAME.RESULT, '{"a":1.0}'),
      artifact('a.csv', 'x'),
      leftOut('b.csv'),
      GOOD_END,
    )
    expect(Buffer.concat(transcript.stdout).toString()).toBe('out more')
    expect(Buffer.concat(transcript.stderr).toString()).toBe('err')
    expect(transcript).toMatchObject({
      result: Buffer.from('{"a":1.0}'),
      artifacts: [{ path: Buffer.from('a.csv'), content: Buffer.from('x') }],
      leftOut: [{ path: Buffer.from('b.csv'), size: 9, reason: 'number' }],
      report: { cause: 'ended', exitCode: 0, signal: 0 },
      violation: null,
    })
  })

  test('a control frame may come in pieces', async () => {
    const frame = encodeFrame(CONTROL_FRAME.RESULT, Buffer.from('"long"'))
    const pieces = [...frame].map((byte) => encodeFrame(CONTROL, Buffer.from([byte])))
    expect((await transcriptOf(...pieces, GOOD_END)).result?.toString()).toBe('"long"')
  })

  test('the first result and the first failure count', async () => {
    const transcript = await transcriptOf(
      control(CONTROL_FRAME.RESULT, '1'),
      control(CONTROL_FRAME.RESULT, '2'),
      control(CONTROL_FRAME.FAILURE, '{"errno":13}'),
      control(CONTROL_FRAME.FAILURE, '{"errno":1}'),
      GOOD_END,
    )
    expect(transcript.result?.toString()).toBe('1')
    expect(transcript.failure?.errno).toBe(13)
  })

  test('what comes after EXIT is not heard', async () => {
    const transcript = await transcriptOf(
      Buffer.concat([GOOD_END, encodeFrame(STDOUT, Buffer.from('late')), encodeFrame(99)]),
    )
    expect(transcript).toMatchObject({ stdout: [], violation: null })
  })

  test('a stream that ends too early leaves no report', async () => {
    const { transcript } = await running()
    output.write(encodeFrame(STDOUT, Buffer.from('partial')))
    output.write(encodeFrame(STDOUT, Buffer.from('cut')).subarray(0, 6))
    await turn()
    output.destroy()
    expect(await transcript).toMatchObject({ report: null, violation: null })
    expect(Buffer.concat((await transcript).stdout).toString()).toBe('partial')
  })

  test('a sandbox that has died before is told at once: no code ran', async () => {
    const isReady = connection.ready()
    output.write(ready)
    await isReady
    output.destroy()
    await turn()
    expect(await connection.run(TASK)).toMatchObject({ report: null, isTaskUnread: true })
  })

  test.each([
    ['with the task unread: no code ran', new Error('ECONNRESET'), true],
    ['with the task read: its program ended it', undefined, false],
  ])('a sandbox that dies in silence, %s', async (_what, error, isTaskUnread) => {
    const { transcript } = await running()
    output.destroy()
    await turn()
    input.destroy(error)
    expect(await transcript).toMatchObject({ report: null, isTaskUnread })
  })

  test('a sandbox that has spoken had read its task, however its input ends', async () => {
    const { transcript } = await running()
    output.write(encodeFrame(STDOUT, Buffer.from('partial')))
    await turn()
    input.destroy(new Error('ECONNRESET'))
    output.destroy()
    expect(await transcript).toMatchObject({ report: null, isTaskUnread: false })
  })

  test('an input that breaks does not throw', async () => {
    const { transcript } = await running()
    input.destroy(new Error('EPIPE'))
    output.write(GOOD_END)
    expect((await transcript).report).not.toBeNull()
  })

  describe('a refusal', () => {
    const refusal = control(CONTROL_FRAME.REFUSED, 'Line 1: Import: os')

    async function inspected(...said: Buffer[]): Promise<Transcript> {
      await warmUp(connection, output, Buffer.from('{}'))
      const transcript = connection.run(TASK)
      for (const bytes of said) output.write(bytes)
      return transcript
    }

    test('is heard as the first word', async () => {
      const transcript = await inspected(refusal, GOOD_END)
      expect(transcript).toMatchObject({ refused: 'Line 1: Import: os', violation: null })
    })

    test.each([
      ['after output', encodeFrame(STDOUT, Buffer.from('x'))],
      ['after output on stderr', encodeFrame(STDERR, Buffer.from('x'))],
      ['after a result', control(CONTROL_FRAME.RESULT, '1')],
      ['after a failure', control(CONTROL_FRAME.FAILURE, '{}')],
      ['after a failure that is none', control(CONTROL_FRAME.FAILURE, '')],
      ['after an artifact', artifact('a.csv', 'x')],
      ['after another', refusal],
    ])('%s breaks the rules', async (_when, before) => {
      const transcript = await inspected(before, refusal, GOOD_END)
      expect(transcript).toMatchObject({ violation: 'protocol', report: null })
    })

    test.each([
      ['a result', control(CONTROL_FRAME.RESULT, '1')],
      ['a failure', control(CONTROL_FRAME.FAILURE, '{}')],
    ])('%s after it breaks the rules', async (_what, after) => {
      expect((await inspected(refusal, after, GOOD_END)).violation).toBe('protocol')
    })

    test('of what was not to be inspected breaks the rules', async () => {
      const transcript = await transcriptOf(refusal, GOOD_END)
      expect(transcript).toMatchObject({ refused: null, violation: 'protocol' })
    })
  })

  describe('a cell', () => {
    const bundle = (text: string) => JSON.stringify({ 'text/plain': text })
    const display = (text: string) => control(CONTROL_FRAME.DISPLAY, bundle(text))
    const value = (text: string) => control(CONTROL_FRAME.VALUE, bundle(text))

    async function cell(...said: Buffer[]): Promise<Transcript> {
      await warmUp(connection, output)
      const transcript = connection.run({ ...TASK, mode: 'cell' }, (event) => told.push(event))
      for (const bytes of said) output.write(bytes)
      return transcript
    }
    let told: RunEvent[]
    beforeEach(() => {
      told = []
    })

    test('is told with what it displayed, at once, and its value', async () => {
      const transcript = await cell(display('a'), display('b'), value('1'), value('2'), GOOD_END)
      expect(transcript).toMatchObject({
        displays: [{ 'text/plain': 'a' }, { 'text/plain': 'b' }],
        value: { 'text/plain': '1' },
        violation: null,
      })
      expect(told).toEqual([
        { type: 'display', data: { 'text/plain': 'a' } },
        { type: 'display', data: { 'text/plain': 'b' } },
      ])
    })

    const large = 'x'.repeat(LIMITS.outputBytes / 2)
    test.each([
      ['displays', [display(large), display(large)]],
      ['a value beside displays', [display(large), value(large)]],
      ['values', [value(large), value(large)]],
      ['one display', [display(large + large)]],
      ['a display that claims 4 GiB', [encodeFrame(CONTROL, head(8, 2 ** 32 - 1))]],
      ['more displays than are kept', Array(101).fill(control(8, '{"a/b":1}'))],
    ] as const)('%s beyond the limit end it', async (_what, said) => {
      const transcript = await cell(...said, GOOD_END)
      expect(transcript).toMatchObject({ violation: 'output', flooded: 'displays', report: null })
      expect(transcript.displays.length).toBeLessThanOrEqual(100)
    })

    test.each([
      ['no JSON', control(CONTROL_FRAME.DISPLAY, 'x')],
      ['no bundle', control(CONTROL_FRAME.VALUE, '{"plain":1}')],
      ['nothing', control(CONTROL_FRAME.DISPLAY)],
    ])('%s in place of a bundle breaks the rules', async (_what, said) => {
      expect((await cell(said, GOOD_END)).violation).toBe('protocol')
    })

    test('other programs show nothing', async () => {
      expect((await transcriptOf(display('a'), GOOD_END)).violation).toBe('protocol')
      expect(connection.bytesRead).toBeGreaterThan(0)
    })

    test('garbage in its control stream never keeps it from ending', async () => {
      const pieces = fc.oneof(
        fc.uint8Array({ minLength: 1, maxLength: 60 }).map((bytes) => Buffer.from(bytes)),
        fc.string({ maxLength: 30 }).map((text) => encodeFrame(8, Buffer.from(text))),
        fc.json({ maxDepth: 3 }).map((text) => encodeFrame(9, Buffer.from(`{"a/b":${text}}`))),
      )
      await fc.assert(
        fc.asyncProperty(fc.array(pieces), async (chunks) => {
          const streams = [new PassThrough(), new PassThrough()] as const
          const other = new Connection(...streams, LIMITS)
          await warmUp(other, streams[1])
          const transcript = other.run({ ...TASK, mode: 'cell' })
          for (const chunk of chunks) streams[1].write(encodeFrame(CONTROL, chunk))
          streams[1].end()
          await turn()
          streams[1].destroy()
          streams[0].destroy()
          const { displays } = await transcript
          expect(JSON.stringify(displays).length).toBeLessThanOrEqual(2 * LIMITS.outputBytes)
        }),
      )
    })
  })

  const full = encodeFrame(STDOUT, Buffer.alloc(LIMITS.outputBytes))

  test.each([
    ['an empty output frame', [encodeFrame(STDOUT)], 'protocol'],
    ['an empty control frame', [encodeFrame(CONTROL)], 'protocol'],
    ['an unknown frame', [encodeFrame(21)], 'protocol'],
    ['an unknown control frame', [control(77)], 'protocol'],
    ['a second READY', [ready], 'protocol'],
    ['a PONG', [control(CONTROL_FRAME.PONG)], 'protocol'],
    ['a report that is none', [encodeFrame(EXIT, Buffer.from('xx'))], 'protocol'],
    ['a report with a forged cause', [encodeFrame(EXIT, Buffer.alloc(8, 7))], 'protocol'],
    ['an artifact that is none', [encodeFrame(ARTIFACT, Buffer.from([9]))], 'protocol'],
    ['too many files left out', Array(51).fill(leftOut('a.csv')), 'protocol'],
    ['too many artifacts', Array(4).fill(artifact('a.csv', 'x')), 'protocol'],
    ['an output frame that claims 4 GiB', [head(STDOUT, 2 ** 32 - 1)], 'output'],
    ['an artifact that claims 4 GiB', [head(ARTIFACT, 2 ** 32 - 1)], 'output'],
    [
      'a result that is too long',
      [encodeFrame(CONTROL, head(3, LIMITS.resultBytes + 1))],
      'output',
    ],
    ['more output than is kept', [full, encodeFrame(STDOUT, Buffer.from('x'))], 'output'],
  ] as const)('%s ends it', async (_what, said, violation) => {
    const transcript = await transcriptOf(...said)
    expect(transcript).toMatchObject({ violation, report: null })
  })

  test('as much output as is kept, on both streams, is within the rules', async () => {
    const bytes = Buffer.alloc(LIMITS.outputBytes, 'x')
    const said = [encodeFrame(STDOUT, bytes), encodeFrame(STDERR, bytes), GOOD_END]
    expect((await transcriptOf(...said)).violation).toBeNull()
  })

  test('endless control frames end it', async () => {
    const many = Array(2000).fill(control(CONTROL_FRAME.RESULT, 'x'.repeat(500)))
    expect((await transcriptOf(...many)).violation).toBe('protocol')
  })

  test('garbage never keeps it from ending, and is never kept beyond the limits', async () => {
    await fc.assert(
      fc.asyncProperty(fc.array(fc.uint8Array({ maxLength: 60 })), async (chunks) => {
        const streams = [new PassThrough(), new PassThrough()] as const
        const other = new Connection(...streams, LIMITS)
        await warmUp(other, streams[1])
        const transcript = other.run(TASK)
        for (const chunk of chunks) streams[1].write(chunk)
        streams[1].end()
        await turn()
        streams[1].destroy()
        streams[0].destroy()
        const { stdout, stderr } = await transcript
        expect(Buffer.concat([...stdout, ...stderr]).length).toBeLessThanOrEqual(2000)
      }),
    )
  })
})
