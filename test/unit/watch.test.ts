import { afterEach, beforeEach, expect, test, vi } from 'vitest'
import { Watch } from '../../src/api/watch.ts'

beforeEach(() => void vi.useFakeTimers({ toFake: ['performance', 'setInterval', 'clearInterval'] }))
afterEach(() => void vi.useRealTimers())

function watched() {
  const state = { moved: 0, slow: false }
  const end = new Watch().add({
    moved: () => state.moved,
    slow: () => {
      state.slow = true
    },
  })
  return { state, end }
}

const MIB = 1024 ** 2

test('what stands still ends after 30 s', () => {
  const { state } = watched()
  vi.advanceTimersByTime(29_000)
  expect(state.slow).toBe(false)
  vi.advanceTimersByTime(3000)
  expect(state.slow).toBe(true)
})

test('what moves little by little ends as well', () => {
  const { state } = watched()
  for (let second = 0; second < 33; second++) {
    state.moved++
    vi.advanceTimersByTime(1000)
  }
  expect(state.slow).toBe(true)
})

test('what moves fast enough goes on for as long as it takes', () => {
  const { state, end } = watched()
  for (let second = 0; second < 600; second++) {
    state.moved += MIB / 8
    vi.advanceTimersByTime(1000)
  }
  expect(state.slow).toBe(false)
  vi.advanceTimersByTime(32_000)
  expect(state.slow).toBe(true)
  end()
})

test('what has ended is not looked at any more', () => {
  const { state, end } = watched()
  end()
  vi.advanceTimersByTime(60_000)
  expect(state.slow).toBe(false)
  expect(vi.getTimerCount()).toBe(0)
})
