import { afterEach, beforeEach, expect, test, vi } from 'vitest'
import type { Cgroup } from '../../src/engine/runsc/cgroup.ts'
import { ProcessorShares } from '../../src/engine/runsc/processor-shares.ts'

const MAX_EXECUTORS = 40
let isShort: boolean
let shares: ProcessorShares

beforeEach(() => {
  vi.useFakeTimers()
  isShort = true
  shares = new ProcessorShares({ maxExecutors: MAX_EXECUTORS, isShort: () => isShort })
})
afterEach(() => {
  expect(vi.getTimerCount()).toBe(0)
  vi.useRealTimers()
})

/** A cgroup of which nothing is known but its weight. */
function weighed(): Cgroup & { weight: number } {
  const cgroup = {
    weight: 0,
    setCpuWeight(weight: number) {
      cgroup.weight = weight
    },
  }
  return cgroup as unknown as Cgroup & { weight: number }
}

test('while a pool is short, one making weighs as much as all long runs together', () => {
  const [making, run] = [weighed(), weighed()]
  shares.make(making, 'ahead')
  shares.begin(run)
  shares.lengthen(run)
  expect(making.weight).toBeGreaterThanOrEqual(run.weight * MAX_EXECUTORS)
  shares.made(making)
})

test('a run that has just begun goes before', () => {
  const [making, run] = [weighed(), weighed()]
  shares.make(making, 'ahead')
  shares.begin(run)
  expect(run.weight).toBeGreaterThan(making.weight)
  shares.made(making)
})

test('while no pool is short, making goes behind every run; and hurries once one is', () => {
  isShort = false
  const [making, run] = [weighed(), weighed()]
  shares.make(making, 'ahead')
  shares.lengthen(run)
  expect(making.weight).toBeLessThan(run.weight)
  isShort = true
  vi.advanceTimersByTime(100)
  expect(making.weight).toBeGreaterThan(run.weight * MAX_EXECUTORS - 1)
  shares.made(making)
})

test('what was made keeps its rank', () => {
  const [first, second] = [weighed(), weighed()]
  shares.make(first, 'ahead')
  shares.make(second, 'ahead')
  shares.made(first)
  first.weight = 7
  isShort = false
  vi.advanceTimersByTime(100)
  expect(first.weight).toBe(7)
  expect(second.weight).toBe(1)
  shares.made(second)
})

test('other paces do not depend on the pools', () => {
  const [urgent, background] = [weighed(), weighed()]
  shares.make(urgent, 'urgent')
  shares.make(background, 'background')
  expect(urgent.weight).toBeGreaterThan(background.weight)
})

test('a cgroup that is gone keeps nobody', () => {
  const gone = weighed()
  gone.setCpuWeight = () => {
    throw new Error('ENOENT')
  }
  expect(() => shares.lengthen(gone)).not.toThrow()
})
