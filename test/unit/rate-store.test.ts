import { afterEach, expect, test, vi } from 'vitest'
import { RateStore } from '../../src/api/rate-store.ts'

afterEach(() => vi.useRealTimers())

const WINDOW_MS = 60_000

function ask(store: RateStore, caller = 'a'): number | undefined {
  let count: number | undefined
  store.incr(caller, (_error, result) => (count = result?.current), WINDOW_MS)
  return count
}

test('counts each caller for itself, and anew when its window is over', () => {
  vi.useFakeTimers({ toFake: ['performance'] })
  const store = new RateStore()
  expect([ask(store), ask(store), ask(store, 'b')]).toEqual([1, 2, 1])
  vi.advanceTimersByTime(WINDOW_MS - 1)
  expect(ask(store)).toBe(3)
  vi.advanceTimersByTime(1)
  expect(ask(store)).toBe(1)
})

test('does not ask the wall clock', () => {
  vi.useFakeTimers({ toFake: ['Date', 'performance'] })
  const store = new RateStore()
  ask(store)
  vi.setSystemTime(Date.now() + 86_400_000)
  expect(ask(store)).toBe(2)
  vi.setSystemTime(0)
  vi.advanceTimersByTime(WINDOW_MS)
  expect(ask(store)).toBe(1)
})

test('remembers the later callers when there are too many', () => {
  const store = new RateStore()
  for (let i = 0; i <= 5000; i++) ask(store, `caller ${i}`)
  expect(ask(store, 'caller 5000')).toBe(2)
  expect(ask(store, 'caller 0')).toBe(1)
})
