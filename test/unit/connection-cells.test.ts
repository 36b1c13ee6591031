import { PassThrough } from 'node:stream'
import { setImmediate as turn } from 'node:timers/promises'
import fc from 'fast-check'
import { beforeEach, describe, expect, test } from 'vitest'
import type { Transcript } from '../../src/run/record.ts'
import type { RunEvent } from '../../src/run/types.ts'
import { Connection } from '../../src/supervisor/connection.ts'
import { encodeFrame } from '../../src/supervisor/frames.ts'
import { CONTROL, CONTROL_FRAME } from '../../src/supervisor/protocol.ts'
import { control, GOOD_END, head, TASK, warmUp } from '../support/connections.ts'
import { LIMITS } from '../support/limits.ts'

let output: PassThrough
let connection: Connection

beforeEach(() => {
  output = new PassThrough()
  connection = new Connection(new PassThrough(), output, LIMITS)
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
    await warmUp(connection, output)
    const transcript = connection.run(TASK)
    for (const bytes of [display('a'), GOOD_END]) output.write(bytes)
    expect((await transcript).violation).toBe('protocol')
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
