import { afterEach, beforeEach, expect, test, vi } from 'vitest'
import type { Cgroup } from '../../src/engine/runsc/cgroup.ts'
import { ProcessorShares } from '../../src/engine/runsc/processor-shares.ts'

const LONG_RUNS = 40
let isShort: boolean
let shares: ProcessorShares

beforeEach(() => {
  vi.useFakeTimers()
  isShort = true
  shares = new ProcessorShares({ isShort: () => isShort })
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
  const making = weighed()
  shares.make(making, 'ahead')
  const runs = Array.from({ length: LONG_RUNS }, weighed)
  for (const run of runs) shares.begin(run)
  for (const [index, run] of runs.entries()) {
    shares.lengthen(run)
    const all = runs.slice(0, index + 1).reduce((sum, { weight }) => sum + weight, 0)
    expect(making.weight).toBeGreaterThanOrEqual(all)
    // And no more than that: a long run among quick ones gets its half.
    expect(all).toBeGreaterThan(making.weight / 2)
  }
  for (const run of runs.slice(1)) shares.end(run)
  expect(runs[0]?.weight).toBe(making.weight)
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
  expect(making.weight).toBeGreaterThanOrEqual(run.weight)
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
