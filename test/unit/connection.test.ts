import { PassThrough } from 'node:stream'
import { setImmediate as turn } from 'node:timers/promises'
import { beforeEach, describe, expect, test } from 'vitest'
import type { Transcript } from '../../src/run/record.ts'
import { Connection } from '../../src/supervisor/connection.ts'
import { encodeFrame, FrameParser } from '../../src/supervisor/frames.ts'
import {
  CONTROL,
  CONTROL_FRAME,
  encodePing,
  INPUT,
  RUN,
  STDERR,
  STDOUT,
} from '../../src/supervisor/protocol.ts'
import {
  artifact,
  control,
  GOOD_END,
  leftOut,
  ready,
  TASK,
  transcriptOf,
  warmUp,
} from '../support/connections.ts'
import { LIMITS } from '../support/limits.ts'

let input: PassThrough
let output: PassThrough
let connection: Connection

beforeEach(() => {
  input = new PassThrough()
  output = new PassThrough()
  connection = new Connection(input, output, LIMITS)
})

/** A connection that runs, and what will be its transcript. */
async function running(): Promise<{ transcript: Promise<Transcript> }> {
  await warmUp(connection, output)
  return { transcript: connection.run(TASK) }
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
})
