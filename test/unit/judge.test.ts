import { describe, expect, test } from 'vitest'
import { judge } from '../../src/run/judge.ts'
import type { RunRecord } from '../../src/run/record.ts'
import { LIMITS } from '../support/limits.ts'
import { CLEAN_END, NO_FAILURE, recordWith } from '../support/record.ts'

const code = (exitCode: number) => ({ ...CLEAN_END, exitCode })
const killed = (signal: number) => ({ ...CLEAN_END, signal })
const failure = { ...NO_FAILURE, name: 'OSError' }

/** Of each, all that a program may leave. */
const said = {
  stdout: [Buffer.from('out'), Buffer.from('put')],
  stderr: [Buffer.from('Traceback')],
  result: Buffer.from('[1.0]'),
  artifacts: [{ path: Buffer.from('plots/a.png'), content: Buffer.from('x') }],
  leftOut: [{ path: Buffer.from('b.csv'), size: 9, reason: 'size' as const }],
}
const left = {
  stdout: Buffer.from('output'),
  stderr: Buffer.from('Traceback'),
  resultJson: '[1.0]',
  files: [{ path: 'plots/a.png', content: Buffer.from('x') }],
  filesLeftOut: [{ path: 'b.csv', size: 9, reason: 'size' }],
}

test('the value of a cell is its result, and what it displayed is told', () => {
  const value = { 'text/plain': '1' }
  const displays = [{ 'text/html': '<b>' }]
  const verdict = judge(recordWith({ value, displays }), LIMITS)
  expect(verdict).toMatchObject({ resultJson: '{"text/plain":"1"}', displays })
})

test('which limit a cell passed that shows too much', () => {
  const record = recordWith({ violation: 'output', flooded: 'displays', report: null })
  const { end, detail } = judge(record, LIMITS)
  expect([end, detail]).toEqual(['output', expect.stringContaining('What a cell shows')])
})

const ends: [string, RunRecord, object][] = [
  ['a good end', recordWith(said), { end: 'exit', exitCode: 0 }],
  ['an exit code', recordWith({ ...said, report: code(3) }), { end: 'exit', exitCode: 3 }],
  [
    'an error',
    recordWith({ ...said, report: code(1), failure }),
    { end: 'exit', exitCode: 1, error: { name: 'OSError' }, denied: null },
  ],
  [
    'a denied file',
    recordWith({ ...said, report: code(1), failure: { ...failure, errno: 13 } }),
    { end: 'exit', exitCode: 1, denied: 'file' },
  ],
  [
    'a denied system call',
    recordWith({ ...said, report: code(1), failure: { ...failure, code: 'EPERM' } }),
    { end: 'exit', exitCode: 1, denied: 'syscall' },
  ],
  [
    'a refused connection',
    recordWith(
      { ...said, report: code(1), failure: { ...failure, network: true } },
      { refusedConnections: 1 },
    ),
    { end: 'exit', exitCode: 1, denied: 'network' },
  ],
  ['a signal', recordWith({ ...said, report: killed(11) }), { end: 'signal', signal: 11 }],
  ['no report', recordWith({ ...said, report: null }), { end: 'signal', signal: 9 }],
  [
    'the processor time',
    recordWith({ ...said, report: { ...killed(9), cause: 'told' } }, { intervention: 'cpu_time' }),
    {
      end: 'time',
      exitCode: null,
      signal: null,
      detail: expect.stringContaining('processor time'),
    },
  ],
  [
    'the processor time, of a sandbox that did not answer',
    recordWith({ ...said, report: null }, { intervention: 'cpu_time' }),
    { end: 'time' },
  ],
  [
    'a good end at the last moment',
    recordWith(said, { intervention: 'cpu_time' }),
    { end: 'exit', exitCode: 0 },
  ],
  [
    'an end that nobody asked for',
    recordWith({ ...said, report: { ...killed(9), cause: 'told' } }),
    { end: 'interfered' },
  ],
  [
    'the wall time',
    recordWith({ ...said, report: { ...killed(9), cause: 'wall_time' } }),
    { end: 'time', exitCode: null, signal: null },
  ],
  [
    'a kill for want of memory',
    recordWith({ ...said, report: code(1) }, { outOfMemoryKills: 1 }),
    { end: 'memory', exitCode: null },
  ],
  [
    'a memory error',
    recordWith({ ...said, report: code(1), failure: { ...failure, memory: true } }),
    { end: 'memory', exitCode: 1 },
  ],
  [
    'too much output',
    recordWith({ ...said, report: { ...killed(9), cause: 'output', flooded: 'stderr' } }),
    { end: 'output', flooded: 'stderr' },
  ],
  [
    'frames that break the rules',
    recordWith({ ...said, violation: 'protocol', report: null }),
    { end: 'interfered', detail: 'The program interfered with its sandbox.' },
  ],
]

describe('judge', () => {
  test.each(ends)('%s: output, result and files reach the outcome', (_what, record, end) => {
    expect(judge(record, LIMITS)).toMatchObject({ ...left, ...end })
  })

  test('an error has the name that was told and what was printed', () => {
    const printedError = { message: 'no', traceback: 'Traceback', line: 2 }
    const record = recordWith({ report: code(1), failure, printedError })
    expect(judge(record, LIMITS).error).toEqual({ ...printedError, name: 'OSError' })
  })

  test('a refusal tells its findings', () => {
    expect(judge(recordWith({ refused: 'Line 1: Import: os' }), LIMITS)).toMatchObject({
      end: 'refused',
      exitCode: null,
      detail: 'Line 1: Import: os',
    })
  })

  test('a result that is not JSON is not handed over', () => {
    const outcome = judge(recordWith({ ...said, result: Buffer.from('[') }), LIMITS)
    expect(outcome).toMatchObject({ ...left, end: 'result', exitCode: 0, resultJson: null })
    expect(outcome.detail).toMatch(/not JSON/)
  })

  test('a result may be checked elsewhere', () => {
    expect(judge(recordWith(said), LIMITS, () => 'wrong')).toMatchObject({
      end: 'result',
      detail: 'wrong',
      resultJson: null,
    })
  })

  test('what was measured is told, memory in the steps in which the kernel counts it', () => {
    const record = recordWith({}, { peakMemoryBytes: 256 * 1024 + 1, cpuTimeMs: 3, wallTimeMs: 4 })
    const usage = { wallMs: 4, cpuMs: 3, peakMemoryBytes: 512 * 1024 }
    expect(judge(record, LIMITS).usage).toEqual(usage)
  })
})

describe('what a script says only in words', () => {
  const script = (words: string, part: Partial<RunRecord> = {}) => {
    const stderr = [Buffer.from(words.slice(0, 20)), Buffer.from(words.slice(20))]
    const failed = { ...NO_FAILURE, lastCommand: true }
    return judge(recordWith({ stderr, failure: failed, report: code(2) }, part), LIMITS).detail
  }
  const last = 'The script ended with exit code 2 of its last command.'
  const noNetwork = 'This sandbox has no network.'

  test.each([
    ["fatal: unable to access 'https://example.org/': Could not resolve host: example.org\n"],
    ['curl: (6) Could not resolve host: example.org\n'],
    ["wget: unable to resolve host address 'example.org'\n"],
    ['ping: example.org: Temporary failure in name resolution\n'],
    ['connect: Network is unreachable\n'],
  ])('there is no network: %s', (words) => {
    expect(script(words)).toBe(`${last} ${noNetwork}`)
    expect(script(words, { hasNetwork: true })).toBe(last)
  })

  test('the shell could not read it', () => {
    expect(script('./main.sh: line 3: syntax error: unexpected end of file\n')).toBeNull()
    expect(script('grep: nothing\n')).toBe(last)
  })

  test('only the end of stderr counts', () => {
    const much = 'x'.repeat(100_000)
    expect(script(`${much}curl: (6) Could not resolve host: a\n`)).toBe(`${last} ${noNetwork}`)
    expect(script(`curl: (6) Could not resolve host: a\n${much}`)).toBe(last)
  })
})
