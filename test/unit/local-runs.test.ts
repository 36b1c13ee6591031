import { beforeEach, describe, expect, test } from 'vitest'
import { LocalRuns, type Template } from '../../src/dispatch/local-runs.ts'
import type { AdmittedRun } from '../../src/dispatch/scheduler.ts'
import type { RunRecord } from '../../src/run/record.ts'
import type { RunEvent } from '../../src/run/types.ts'
import { LIMITS } from '../support/limits.ts'
import { recordWith } from '../support/record.ts'
import { requestWith } from '../support/run-request.ts'

const { signal } = new AbortController()
const template: Template = {
  limits: LIMITS,
  modes: ['function', 'script'],
  ownFiles: ['main.py'],
  place: ({ program }) => ({ pool: `pool of ${program.code}`, substitute: 'other' }),
}
let submitted: AdmittedRun[] = []
let record: RunRecord
let checked: [string, number][] = []

const runs = new LocalRuns(
  {
    async submit(run) {
      submitted.push(run)
      run.onStart?.()
      run.onEvent?.({ type: 'started', queueMs: 7 })
      return { record, timings: { queueMs: 7, executeMs: 8 } }
    },
  },
  new Map([['python', template]]),
  async (caller, result) => {
    checked.push([caller, result.length])
    return 'too deep'
  },
)

beforeEach(() => {
  submitted = []
  checked = []
  record = recordWith()
})

test('a request is placed and judged by its template', async () => {
  record = recordWith({ result: Buffer.from('1') })
  const outcome = await runs.start(requestWith({ caller: 'ann' }), { signal })
  expect(submitted).toMatchObject([{ caller: 'ann', runtime: 'pool of code', substitute: 'other' }])
  expect(outcome).toMatchObject({
    end: 'exit',
    resultJson: '1',
    timings: { queueMs: 7, executeMs: 8 },
  })
  expect(outcome.timings.collectMs).toBeGreaterThanOrEqual(0)
})

test('its start and its events are told', async () => {
  const events: (RunEvent | 'start')[] = []
  const onEvent = (event: RunEvent) => events.push(event)
  await runs.start(requestWith(), { signal, onStart: () => events.push('start'), onEvent })
  expect(events).toEqual(['start', { type: 'started', queueMs: 7 }])
})

describe('a result', () => {
  test('that is small is checked in place', async () => {
    record = recordWith({ result: Buffer.from('[') })
    expect(await runs.start(requestWith(), { signal })).toMatchObject({ end: 'result' })
    expect(checked).toEqual([])
  })

  test('that is large is checked elsewhere, on its caller', async () => {
    record = recordWith({ result: Buffer.from(`"${'x'.repeat(100_000)}"`) })
    const outcome = await runs.start(requestWith({ caller: 'ann' }), { signal })
    expect(outcome).toMatchObject({ end: 'result', detail: 'too deep', resultJson: null })
    expect(checked).toEqual([['ann', 100_002]])
  })
})

test('a template that there is not is the fault of the request', async () => {
  await expect(runs.start(requestWith({ template: 'cobol' }), { signal })).rejects.toMatchObject({
    code: 'REQUEST_INVALID',
    field: 'template',
  })
})

test('so is a mode that its runner does not have', async () => {
  const request = requestWith({ program: { mode: 'cell' } })
  await expect(runs.start(request, { signal })).rejects.toMatchObject({
    code: 'REQUEST_INVALID',
    field: 'mode',
  })
})

test('what a program is run with goes to the executor', async () => {
  const files = [{ path: 'a.csv', content: Buffer.from('1') }]
  const request = requestWith({
    files,
    stdin: Buffer.from('in'),
    env: { A: '1' },
    collect: ['*.csv'],
    limits: { wallTimeMs: 5 },
    program: { mode: 'script', argv: ['x'] },
  })
  await runs.start(request, { signal })
  expect(submitted[0]?.task).toEqual({
    ...request.program,
    files,
    stdin: Buffer.from('in'),
    env: { A: '1' },
    collect: ['*.csv'],
    limits: { ...LIMITS, wallTimeMs: 5 },
  })
})
