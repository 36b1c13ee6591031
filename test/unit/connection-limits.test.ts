import { PassThrough } from 'node:stream'
import { setImmediate as turn } from 'node:timers/promises'
import fc from 'fast-check'
import { expect, test } from 'vitest'
import { Connection } from '../../src/supervisor/connection.ts'
import { encodeFrame } from '../../src/supervisor/frames.ts'
import {
  ARTIFACT,
  CONTROL,
  CONTROL_FRAME,
  EXIT,
  STDERR,
  STDOUT,
} from '../../src/supervisor/protocol.ts'
import {
  artifact,
  control,
  GOOD_END,
  head,
  leftOut,
  ready,
  TASK,
  transcriptOf,
  warmUp,
} from '../support/connections.ts'
import { LIMITS } from '../support/limits.ts'

/** What a hostile sandbox may say: a frame that breaks the rules ends the run, and no more than the limits is kept. */

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
  ['a result that is too long', [encodeFrame(CONTROL, head(3, LIMITS.resultBytes + 1))], 'output'],
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
