import { expect, test } from 'vitest'
import { Generation } from '../../src/engine/runsc/generation.ts'
import type { FileLock } from '../../src/lib/file-lock.ts'

const LIMITS = { ageMs: 900_000, restores: 1000 }
const MINUTE_MS = 60_000

function generation(ageMs: number, hasServed = true): Generation {
  const lock = {} as FileLock
  return new Generation({ folder: '/f', createdAtMs: Date.now() - ageMs, lock }, hasServed)
}

test.each([
  ['young', 5 * MINUTE_MS, 'no'],
  ['of an age', 20 * MINUTE_MS, 'due'],
  ['at twice that age', 31 * MINUTE_MS, 'overdue'],
  ['made in the future, since the clock was set', -60 * MINUTE_MS, 'no'],
] as const)('one that is %s', (_what, ageMs, expected) => {
  expect(generation(ageMs).dueness(LIMITS)).toBe(expected)
})

test('one from which many executors were restored is due, whatever its age', () => {
  const young = generation(0)
  young.restores = 999
  expect(young.dueness(LIMITS)).toBe('no')
  young.restores = 1000
  expect(young.dueness(LIMITS)).toBe('due')
  young.restores = 2000
  expect(young.dueness(LIMITS)).toBe('overdue')
})

test('one in which no program has run is never due: nobody knows what it holds', () => {
  const unknown = generation(600 * MINUTE_MS, false)
  expect(unknown.dueness(LIMITS)).toBe('no')
  unknown.hasServed = true
  expect(unknown.dueness(LIMITS)).toBe('overdue')
})
