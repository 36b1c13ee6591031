import { expect, test } from 'vitest'
import { maxConnections } from '../../src/http/connections.ts'

test.each([
  ['Max open files            1024                 524288               files', 512],
  ['Max processes             9                    9                    processes', 2 ** 53 - 1],
  ['Max open files            unlimited            unlimited            files', 2 ** 53 - 1],
])('half of the descriptors: %s', (line, most) => {
  expect(maxConnections(`Limit                     Soft Limit\n${line}\n`)).toBe(most)
})

test('this process has a limit', () => {
  expect(maxConnections()).toBeGreaterThan(100)
})
