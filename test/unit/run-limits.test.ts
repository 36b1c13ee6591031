import { describe, expect, test } from 'vitest'
import { limitsOfRun } from '../../src/dispatch/run-limits.ts'
import { LIMITS } from '../support/limits.ts'

describe('limitsOfRun', () => {
  test('what is not asked for is the template’s', () => {
    expect(limitsOfRun(LIMITS, {})).toEqual(LIMITS)
    expect(limitsOfRun(LIMITS, { wallTimeMs: 5, cpus: 0.5 })).toEqual({
      ...LIMITS,
      wallTimeMs: 5,
      cpus: 0.5,
    })
  })

  test.each([
    'wallTimeMs',
    'memoryBytes',
    'cpus',
    'processes',
    'outputBytes',
    'resultBytes',
    'artifacts',
    'artifactBytes',
  ] as const)('%s: as much as the template has, and no more', (name) => {
    const most = LIMITS[name]
    expect(limitsOfRun(LIMITS, { [name]: most })).toEqual(LIMITS)
    const field = `limits.${name}`
    expect(() => limitsOfRun(LIMITS, { [name]: most + 1 })).toThrow(
      expect.objectContaining({
        code: 'REQUEST_INVALID',
        field,
        message: `${field} may be ${most} at most.`,
      }),
    )
  })

  test('processor time: as much as fits into the wall time, or as the template has', () => {
    expect(limitsOfRun(LIMITS, { cpuTimeMs: 10_000 }).cpuTimeMs).toBe(10_000)
    expect(() => limitsOfRun(LIMITS, { cpuTimeMs: 10_001 })).toThrow('may be 10000 at most')
    expect(() => limitsOfRun(LIMITS, { cpuTimeMs: 0 })).toThrow('at least 1')
    const half = { ...LIMITS, cpus: 0.5 }
    expect(() => limitsOfRun(half, { cpuTimeMs: 5001 })).toThrow('may be 5000 at most')
    expect(() => limitsOfRun({ ...half, cpuTimeMs: 7 }, { cpuTimeMs: 8 })).toThrow('may be 7')
  })

  test.each(['workspaceBytes', 'openFiles'] as const)('%s is the template’s alone', (name) => {
    const refused = expect.objectContaining({ code: 'REQUEST_INVALID', field: `limits.${name}` })
    expect(() => limitsOfRun(LIMITS, { [name]: 1 })).toThrow(refused)
  })

  test.each([
    { wallTimeMs: 0 },
    { wallTimeMs: 1.5 },
    { wallTimeMs: Number.NaN },
    { memoryBytes: 1000 },
    { cpus: 0 },
    { cpus: Number.POSITIVE_INFINITY },
    { artifacts: -1 },
  ])('%j is no limit', (wanted) => {
    expect(() => limitsOfRun(LIMITS, wanted)).toThrow(/^limits\.\w+ must be a number of at least/)
  })
})
