import { expect, test } from 'vitest'
import { readConfig } from '../../src/config.ts'
import { parseTimeScale, scaledMs, TIME_SCALE } from '../../src/lib/time-scale.ts'

test.each([
  ['1', 1],
  ['20', 20],
  ['2.5', 2.5],
  [' 1000 ', 1000],
])('%j is a factor', (text, factor) => {
  expect(parseTimeScale(text)).toBe(factor)
})

test.each(['', '0', '0.5', '1001', '-2', '2x', '1e2', 'Infinity'])('%j is no factor', (text) => {
  expect(parseTimeScale(text)).toBeNull()
})

test('a wrong factor stops the start and is named', () => {
  const refused = expect(() => readConfig({ EXECUTOR_MANAGER_TIME_SCALE: '0' }))
  refused.toThrow('EXECUTOR_MANAGER_TIME_SCALE=0 is not a factor of time limits, 1 to 1000')
})

test('limits are multiplied by it', () => {
  expect(scaledMs(1500)).toBe(Math.round(1500 * TIME_SCALE))
})
