import { describe, expect, test } from 'vitest'
import { Collector, MAX_LEFT_OUT } from '../../src/run/collect.ts'
import type { RunEvent } from '../../src/run/types.ts'
import { LIMITS } from '../support/limits.ts'
import { CLEAN_END, NO_FAILURE } from '../support/record.ts'

const file = { path: Buffer.from('a.csv'), content: Buffer.from('x') }
const leftOut = { path: Buffer.from('b.csv'), size: 1, reason: 'size' as const }

describe('Collector', () => {
  test('keeps output by stream, and tells it as it comes', () => {
    const events: RunEvent[] = []
    const collector = new Collector(LIMITS, (event) => events.push(event))
    for (const [stream, text] of [
      ['stdout', 'a'],
      ['stderr', 'b'],
      ['stdout', 'c'],
    ] as const) {
      expect(collector.addOutput(stream, Buffer.from(text))).toBe(true)
    }
    expect(events.map((event) => ({ ...event }))).toEqual([
      { type: 'stdout', bytes: Buffer.from('a') },
      { type: 'stderr', bytes: Buffer.from('b') },
      { type: 'stdout', bytes: Buffer.from('c') },
    ])
    expect(Buffer.concat(collector.transcript.stdout).toString()).toBe('ac')
    expect(Buffer.concat(collector.transcript.stderr).toString()).toBe('b')
  })

  test('keeps and tells no output beyond its limit', () => {
    const events: RunEvent[] = []
    const collector = new Collector(LIMITS, (event) => events.push(event))
    const most = Buffer.alloc(LIMITS.outputBytes)
    expect(collector.addOutput('stdout', most)).toBe(true)
    expect(collector.addOutput('stderr', most)).toBe(true)
    expect(collector.addOutput('stdout', Buffer.from('x'))).toBe(false)
    expect(collector.transcript).toMatchObject({ stdout: [most], flooded: 'stdout' })
    expect(events).toHaveLength(2)
  })

  test('takes as many files as a run may have', () => {
    const collector = new Collector(LIMITS)
    const taken = Array.from({ length: LIMITS.artifacts + 1 }, () => collector.addFile(file))
    expect(taken.filter(Boolean)).toHaveLength(LIMITS.artifacts)
    expect(collector.transcript.artifacts).toHaveLength(LIMITS.artifacts)
  })

  test('names as many files that were left out as are told', () => {
    const collector = new Collector(LIMITS)
    const taken = Array.from({ length: MAX_LEFT_OUT + 1 }, () => collector.addLeftOut(leftOut))
    expect(taken.filter(Boolean)).toHaveLength(MAX_LEFT_OUT)
  })

  test('of what can be said once the first counts', () => {
    const collector = new Collector(LIMITS)
    collector.setResult(Buffer.from('1'))
    collector.setResult(Buffer.from('2'))
    collector.setNote('a')
    collector.setNote('b')
    collector.setFailure(null)
    collector.setFailure({ ...NO_FAILURE, name: 'A' })
    collector.setFailure({ ...NO_FAILURE, name: 'B' })
    expect(collector.transcript).toMatchObject({
      result: Buffer.from('1'),
      note: 'a',
      failure: { name: 'A' },
    })
  })

  test.each<[string, (collector: Collector) => void]>([
    ['output', (collector) => collector.addOutput('stdout', Buffer.from('x'))],
    ['a file', (collector) => collector.addFile(file)],
    ['a file left out', (collector) => collector.addLeftOut(leftOut)],
    ['a result', (collector) => collector.setResult(Buffer.from('1'))],
    ['a note', (collector) => collector.setNote('x')],
    ['a failure that is none', (collector) => collector.setFailure(null)],
    ['an error', (collector) => collector.setPrintedError(null)],
    ['a refusal', (collector) => collector.setRefused('x')],
    ['a report', (collector) => collector.setReport(CLEAN_END)],
  ])('%s counts as having spoken', (_what, say) => {
    const collector = new Collector(LIMITS)
    expect(collector.hasSpoken).toBe(false)
    say(collector)
    expect(collector.hasSpoken).toBe(true)
  })
})
