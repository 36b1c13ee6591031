import { describe, expect, test } from 'vitest'
import type { RunRecord } from '../../src/run/record.ts'
import { LIMITS } from '../support/limits.ts'
import { answerTo, CLEAN_END, NO_FAILURE, recordWith } from '../support/record.ts'

const stdout = [Buffer.from('printed')]
const stderr = [Buffer.from('Traceback')]
const result = Buffer.from('{"a":1.0}')
const code = (exitCode: number) => ({ ...CLEAN_END, exitCode })
const killed = (signal: number) => ({ ...CLEAN_END, signal })
const said = { stdout, stderr, result }

const outcomes: [string, RunRecord, object][] = [
  [
    'a good end with a result',
    recordWith(said),
    {
      status: 'success',
      exit_code: 0,
      stdout: 'printed',
      stderr: 'Traceback',
      resultJson: '{"a":1.0}',
    },
  ],
  ['a good end without one', recordWith({ stdout }), { status: 'success', resultJson: null }],
  [
    'an exit code',
    recordWith({ ...said, report: code(3) }),
    {
      status: 'program_error',
      exit_code: 3,
      stderr: 'Traceback',
      runtime_error_type: 'nonzero_exit',
    },
  ],
  [
    'the exit code of a last command',
    recordWith({ ...said, report: code(1), failure: { ...NO_FAILURE, lastCommand: true } }),
    {
      status: 'program_error',
      exit_code: 1,
      detail: 'The script ended with exit code 1 of its last command.',
      runtime_error_type: 'nonzero_exit',
    },
  ],
  ...[true, false].map((hasNetwork): [string, RunRecord, object] => [
    `a connection that could not be had, network: ${hasNetwork}`,
    recordWith(
      { ...said, report: code(1), failure: { ...NO_FAILURE, network: true } },
      { hasNetwork },
    ),
    {
      status: 'program_error',
      exit_code: 1,
      detail: hasNetwork ? null : 'This sandbox has no network.',
      runtime_error_type: 'nonzero_exit',
    },
  ]),
  [
    'a signal',
    recordWith({ ...said, report: killed(11) }),
    {
      status: 'runtime_error',
      exit_code: 139,
      stderr: 'Traceback',
      detail: expect.stringMatching(/signal 11 \(SIGSEGV\): a segmentation fault/),
      runtime_error_type: 'signalled',
    },
  ],
  [
    'a supervisor that is gone without a report',
    recordWith({ ...said, report: null }),
    {
      status: 'runtime_error',
      exit_code: 137,
      detail: expect.stringMatching(/SIGKILL/),
      runtime_error_type: 'signalled',
    },
  ],
  [
    'the wall time, kept by the supervisor',
    recordWith({ ...said, report: { ...killed(9), cause: 'wall_time' } }),
    {
      status: 'resource_limit_exceeded',
      exit_code: -124,
      stderr: 'Execution timeout\nTraceback',
      resource_limit_type: 'time',
    },
  ],
  [
    'the wall time, kept by the manager',
    recordWith({ ...said, report: null }, { intervention: 'deadline' }),
    { status: 'resource_limit_exceeded', exit_code: -124, resource_limit_type: 'time' },
  ],
  [
    'a kill for want of memory',
    recordWith({ ...said, report: code(1) }, { outOfMemoryKills: 1 }),
    {
      status: 'resource_limit_exceeded',
      exit_code: -137,
      stderr: 'Memory limit exceeded (killed by OOM)\nTraceback',
      resource_limit_type: 'memory',
    },
  ],
  [
    'a MemoryError',
    recordWith({ ...said, report: code(1), failure: { ...NO_FAILURE, memory: true } }),
    {
      status: 'resource_limit_exceeded',
      exit_code: 1,
      stderr: 'Traceback',
      resource_limit_type: 'memory',
    },
  ],
  [
    'output beyond its limit, seen by the supervisor',
    recordWith({ ...said, report: { ...killed(9), cause: 'output', flooded: 'stdout' } }),
    {
      status: 'resource_limit_exceeded',
      stderr: 'Output limit exceeded\nTraceback',
      detail: 'stdout may have 1000 bytes; what came beyond that is lost.',
      resource_limit_type: 'output',
    },
  ],
  [
    'output beyond its limit, seen by the manager',
    recordWith({ ...said, report: null, violation: 'output', flooded: 'result' }),
    {
      status: 'resource_limit_exceeded',
      detail: 'The result may have 2000 bytes: return less, or write it to a file.',
      resource_limit_type: 'output',
    },
  ],
  ...([{ errno: 13 }, { code: 'EACCES' }] as const).map((part): [string, RunRecord, object] => [
    `a denied file: ${JSON.stringify(part)}`,
    recordWith({ ...said, report: code(1), failure: { ...NO_FAILURE, ...part } }),
    {
      status: 'unauthorized_access',
      exit_code: 1,
      stderr: 'Traceback',
      unauthorized_access_type: 'file_access',
    },
  ]),
  ...([{ errno: 1 }, { code: 'EPERM' }] as const).map((part): [string, RunRecord, object] => [
    `a denied system call: ${JSON.stringify(part)}`,
    recordWith({ ...said, report: code(1), failure: { ...NO_FAILURE, ...part } }),
    {
      status: 'unauthorized_access',
      exit_code: 1,
      unauthorized_access_type: 'disallowed_syscall',
    },
  ]),
  [
    'a refusal by the code policy',
    recordWith({ refused: 'Line 1: Import: os' }),
    {
      status: 'program_runner_error',
      exit_code: -999,
      stderr: 'Line 1: Import: os',
      detail: 'Code is unsafe',
      time_used_ms: null,
      memory_used_kb: null,
    },
  ],
  [
    'a refusal by a program that goes on to speak',
    recordWith({ ...said, refused: '', report: killed(9) }),
    {
      status: 'program_runner_error',
      exit_code: -999,
      detail: 'Code is unsafe',
      time_used_ms: null,
      memory_used_kb: null,
    },
  ],
  [
    'frames that break the rules',
    recordWith({ ...said, report: null, violation: 'protocol' }),
    {
      status: 'program_error',
      exit_code: 1,
      stderr: 'The program interfered with its sandbox.',
      runtime_error_type: 'nonzero_exit',
    },
  ],
  [
    'a result that is not JSON',
    recordWith({ ...said, result: Buffer.from('{"a":') }),
    {
      status: 'program_error',
      exit_code: 1,
      stderr: 'The result is not JSON, or nested more than 500 deep.',
      runtime_error_type: 'nonzero_exit',
    },
  ],
  [
    "a result that Python's JSON reader refuses",
    recordWith({ ...said, result: Buffer.from(`{"a":-${'1'.repeat(4301)}}`) }),
    {
      status: 'program_error',
      exit_code: 1,
      stderr: 'The result has a whole number of more than 4300 digits.',
      runtime_error_type: 'nonzero_exit',
    },
  ],
]

describe('presentOutcome', () => {
  test.each(outcomes)('%s', (_what, facts, expected) => {
    expect(answerTo(facts, LIMITS)).toMatchObject(expected)
  })

  test.each(outcomes)('%s: nothing else is set', (_what, facts, expected) => {
    const answer = answerTo(facts, LIMITS)
    const isSuccess = answer.status === 'success'
    const kinds = ['resource_limit_type', 'unauthorized_access_type', 'runtime_error_type'] as const
    for (const kind of kinds) if (!(kind in expected)) expect(answer[kind]).toBeNull()
    if (isSuccess) {
      expect(answer.partial_stdout).toBeNull()
      return
    }
    const detail = 'detail' in expected ? expected.detail : null
    expect(answer).toMatchObject({ stdout: '', artifacts: [], resultJson: null, detail })
    // What was printed is there all the same.
    const printed = facts.transcript.stdout.length > 0 ? 'printed' : ''
    expect(answer.partial_stdout).toBe(facts.transcript.refused === null ? printed : null)
  })

  test.each(outcomes)('%s: time and memory are told', (_what, facts, expected) => {
    const measured = { time_used_ms: 2.5, memory_used_kb: 1024, ...expected }
    expect(answerTo(facts, LIMITS)).toMatchObject(measured)
  })

  test('what the kernel counted goes before what the sandbox said', () => {
    const facts = recordWith(
      { violation: 'protocol', report: null },
      { outOfMemoryKills: 1, intervention: 'deadline' },
    )
    expect(answerTo(facts, LIMITS).resource_limit_type).toBe('memory')
  })

  test('a run that came to its good end did not fail for a child that was killed', () => {
    const answer = answerTo(recordWith(said, { outOfMemoryKills: 1 }), LIMITS)
    expect(answer.status).toBe('success')
  })

  test('a report of a good end does not undo the manager ending the run', () => {
    const answer = answerTo(recordWith(said, { intervention: 'deadline' }), LIMITS)
    expect(answer.resource_limit_type).toBe('time')
  })

  test('time goes before output, output before forged frames, those before signals', () => {
    const late = { ...killed(9), cause: 'wall_time' as const }
    const type = (facts: RunRecord) => answerTo(facts, LIMITS).resource_limit_type
    expect(type(recordWith({ report: late, violation: 'output' }))).toBe('time')
    const loud = { ...killed(9), cause: 'output' as const }
    expect(type(recordWith({ report: loud, violation: 'protocol' }))).toBe('output')
    const forged = answerTo(recordWith({ report: killed(9), violation: 'protocol' }), LIMITS)
    expect(forged.status).toBe('program_error')
  })

  test('memory goes before a denied file when a program says both', () => {
    const failure = { ...NO_FAILURE, memory: true, errno: 13 }
    const answer = answerTo(recordWith({ report: code(1), failure }), LIMITS)
    expect(answer.status).toBe('resource_limit_exceeded')
  })

  test('a refusal does not undo what the kernel or the manager did to the run', () => {
    const type = (part: object) => answerTo(recordWith({ refused: 'x' }, part), LIMITS)
    expect(type({ intervention: 'deadline' }).resource_limit_type).toBe('time')
    const forged = answerTo(recordWith({ refused: 'x', violation: 'protocol' }), LIMITS)
    expect(forged.status).toBe('program_error')
  })

  test('a failure note counts for nothing when the program ended well', () => {
    const failure = { ...NO_FAILURE, errno: 13 }
    expect(answerTo(recordWith({ ...said, failure }), LIMITS).status).toBe('success')
  })

  test('no text is searched for words', () => {
    const words = [Buffer.from('Permission denied, MemoryError, Execution timeout')]
    const answer = answerTo(recordWith({ stderr: words, report: code(1) }), LIMITS)
    expect(answer.status).toBe('program_error')
  })

  test('bytes that are not UTF-8 are replaced, characters cut by chunks are not', () => {
    const euro = Buffer.from('€')
    const chunks = [euro.subarray(0, 1), euro.subarray(1), Buffer.from([0xff])]
    expect(answerTo(recordWith({ stdout: chunks }), LIMITS).stdout).toBe('€\ufffd')
  })

  test('what the runner says of the result is told on one line', () => {
    const facts = recordWith({ ...said, note: 'result.a: odd\n\u001b[31m.' })
    expect(answerTo(facts, LIMITS).detail).toBe('result.a: odd [31m.')
  })
})
