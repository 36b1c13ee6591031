import { describe, expect, test } from 'vitest'
import { parseDurationMs, parseSizeBytes } from '../../src/lib/units.ts'

describe('parseSizeBytes', () => {
  test.each([
    ['1', 1],
    ['1024b', 1024],
    ['512k', 512 * 1024],
    ['256m', 256 * 1024 ** 2],
    ['1g', 1024 ** 3],
    ['1G', 1024 ** 3],
    [' 8m ', 8 * 1024 ** 2],
  ])('%j', (text, bytes) => {
    expect(parseSizeBytes(text)).toBe(bytes)
  })

  test.each(['', '0', '0g', 'm', '-1', '1.5g', '1 g', '1mb', '1t', '99999999999g', '0x10'])(
    '%j is no size',
    (text) => expect(parseSizeBytes(text)).toBeNull(),
  )
})

describe('parseDurationMs', () => {
  test.each([
    ['10s', 10_000],
    ['1m30s', 90_000],
    ['500ms', 500],
    ['1h', 3_600_000],
    ['1.5s', 1500],
    ['10', 10_000],
    ['0.25', 250],
    [' 2s ', 2000],
    ['1h2m3s4ms', 3_723_004],
  ])('%j', (text, ms) => {
    expect(parseDurationMs(text)).toBe(ms)
  })

  test.each(['', '0', '0s', 's', '-1s', '1 s', '1d', '1s!', '1.s', '0.0001', '1e3'])(
    '%j is no time',
    (text) => expect(parseDurationMs(text)).toBeNull(),
  )
})
