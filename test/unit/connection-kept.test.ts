import { PassThrough } from 'node:stream'
import { setImmediate as turn } from 'node:timers/promises'
import fc from 'fast-check'
import { beforeEach, describe, expect, test } from 'vitest'
import type { Transcript } from '../../src/run/record.ts'
import { Connection } from '../../src/supervisor/connection.ts'
import { encodeFrame, FrameParser } from '../../src/supervisor/frames.ts'
import {
  CONTROL,
  CONTROL_FRAME,
  INTERRUPT,
  NEXT,
  RUN_KEPT,
  RUNNER,
  STDOUT,
} from '../../src/supervisor/protocol.ts'
import { artifact, control, GOOD_END, TASK, transcriptOf, warmUp } from '../support/connections.ts'
import { LIMITS } from '../support/limits.ts'

let input: PassThrough
let output: PassThrough
let connection: Connection

beforeEach(() => {
  input = new PassThrough()
  output = new PassThrough()
  connection = new Connection(input, output, LIMITS)
})

describe('one of several', () => {
  const next = encodeFrame(NEXT)
  const out = (text: string) => encodeFrame(STDOUT, Buffer.from(text))
  const ended = control(CONTROL_FRAME.ENDED, '\0')

  async function kept(...said: Buffer[]): Promise<Transcript> {
    const transcript = connection.runKept(TASK)
    for (const bytes of said) output.write(bytes)
    return transcript
  }

  test('is followed by another, and each is told by itself', async () => {
    await warmUp(connection, output)
    input.read()
    expect(await kept(out('a'), ended, next, GOOD_END)).toMatchObject({
      stdout: [Buffer.from('a')],
      violation: null,
    })
    expect(connection.takesRuns).toBe(true)
    const { stdout } = await kept(Buffer.concat([out('b'), next, GOOD_END]))
    expect(Buffer.concat(stdout).toString()).toBe('b')
    const sent = [...new FrameParser(() => 2 ** 32).push(input.read())]
    expect(sent.map(({ type }) => type)).toEqual([RUN_KEPT, RUN_KEPT])
    expect(
      [...new FrameParser(() => 2 ** 32).push(sent[0]?.payload.subarray(32) as Buffer)][0],
    ).toMatchObject({ type: RUNNER.KEEP })
  })

  test('is the last one without NEXT', async () => {
    await warmUp(connection, output)
    await kept(GOOD_END)
    expect(connection.takesRuns).toBe(false)
    expect(await connection.runKept(TASK)).toMatchObject({ isTaskUnread: true })
  })

  test('is interrupted while it runs, and only then', async () => {
    await warmUp(connection, output)
    input.read()
    connection.interrupt()
    expect(input.read()).toBeNull()
    const transcript = connection.runKept(TASK)
    input.read()
    connection.interrupt()
    expect(input.read()).toEqual(encodeFrame(INTERRUPT))
    output.write(Buffer.concat([next, GOOD_END]))
    await transcript
  })

  test.each([
    ['a second NEXT', [next, next]],
    ['a NEXT with a payload', [encodeFrame(NEXT, Buffer.from('x'))]],
    ['an ENDED that is too long', [control(CONTROL_FRAME.ENDED, 'xx')]],
    ['a RUN_KEPT', [encodeFrame(RUN_KEPT)]],
  ])('%s breaks the rules', async (_what, said) => {
    await warmUp(connection, output)
    const { violation } = await kept(...said, GOOD_END)
    expect(violation).not.toBeNull()
    expect(connection.takesRuns).toBe(false)
  })

  test.each([
    ['NEXT', next],
    ['ENDED', ended],
  ])('%s in another run breaks the rules', async (_what, said) => {
    expect((await transcriptOf(said, GOOD_END)).violation).toBe('protocol')
  })

  test.each([
    ['a frame', artifact('a', 'x')],
    ['an end', GOOD_END],
    ['a control frame', control(CONTROL_FRAME.RESULT, '1')],
    ['garbage', Buffer.alloc(100, 255)],
  ])('%s between two runs ends it', async (_what, said) => {
    await warmUp(connection, output)
    await kept(Buffer.concat([next, GOOD_END, said]))
    await turn()
    expect(connection.takesRuns).toBe(false)
  })

  test('forged frames over many runs never keep more than the limits', async () => {
    const frames = fc.oneof(
      fc.constantFrom(next, GOOD_END, Buffer.concat([next, GOOD_END]), ended, out('x'.repeat(400))),
      fc.uint8Array({ maxLength: 20 }).map((bytes) => encodeFrame(CONTROL, bytes)),
      fc.json({ maxDepth: 1 }).map((json) => control(CONTROL_FRAME.DISPLAY, `{"a/b":${json}}`)),
    )
    await fc.assert(
      fc.asyncProperty(fc.array(fc.array(frames), { maxLength: 5 }), async (runs) => {
        const streams = [new PassThrough(), new PassThrough()] as const
        const other = new Connection(...streams, LIMITS)
        await warmUp(other, streams[1])
        for (const said of runs) {
          const transcript = other.runKept(TASK)
          for (const bytes of said) streams[1].write(bytes)
          await turn()
          other.interrupt()
          streams[1].write(Buffer.concat([next, GOOD_END]))
          const { stdout, displays } = await transcript
          expect(Buffer.concat(stdout).length).toBeLessThanOrEqual(LIMITS.outputBytes)
          expect(JSON.stringify(displays).length).toBeLessThanOrEqual(2 * LIMITS.outputBytes)
        }
        streams[1].destroy()
        streams[0].destroy()
      }),
    )
  })
})
