import { describe, expect, test } from 'vitest'
import {
  backOffMs,
  ceilingOf,
  isCircuitOpen,
  planRefill,
  RateEstimate,
} from '../../src/pool/refill-plan.ts'

/** A pool in a world of its own: time goes in steps, making takes a while, a run takes what is ready. */
class Simulation {
  readonly #floor: number
  readonly #ceiling: number
  readonly #makeMs: number
  readonly #parallel: number
  readonly #rate = new RateEstimate(0)
  #nowMs = 0
  #lastDemandMs = 0
  #warming: number[] = []
  ready = 0
  misses = 0
  mostReady = 0

  constructor({ floor = 4, ceiling = 16, makeMs = 200, parallel = 2 } = {}) {
    this.#floor = floor
    this.#ceiling = ceiling
    this.#makeMs = makeMs
    this.#parallel = parallel
  }

  /** @param demand runs that come in each step of 10 ms */
  run(durationMs: number, demand: (atMs: number) => number): void {
    const endMs = this.#nowMs + durationMs
    for (; this.#nowMs < endMs; this.#nowMs += 10) {
      this.ready += this.#warming.filter((doneMs) => doneMs <= this.#nowMs).length
      this.#warming = this.#warming.filter((doneMs) => doneMs > this.#nowMs)
      for (let runs = demand(this.#nowMs); runs > 0; runs--) this.#lease()
      const plan = planRefill({
        ready: this.ready,
        warming: this.#warming.length,
        floor: this.#floor,
        ceiling: this.#ceiling,
        demandPerSecond: this.#rate.perSecond(this.#nowMs),
        makeMs: this.#makeMs,
        quietMs: this.#nowMs - this.#lastDemandMs,
      })
      const free = this.#parallel - this.#warming.length
      for (let i = Math.min(plan.make, free); i > 0; i--)
        this.#warming.push(this.#nowMs + this.#makeMs)
      this.ready -= plan.retire
      this.mostReady = Math.max(this.mostReady, this.ready)
    }
  }

  #lease(): void {
    this.#rate.add(this.#nowMs)
    this.#lastDemandMs = this.#nowMs
    if (this.ready > 0) this.ready--
    else this.misses++
  }
}

const every = (stepMs: number) => (atMs: number) => (atMs % stepMs === 0 ? 1 : 0)
const nothing = () => 0

describe('the number of ready executors', () => {
  test('a steady load that the machine can carry never waits', () => {
    const pool = new Simulation()
    pool.run(2000, nothing)
    pool.run(30_000, every(200))
    expect(pool.misses).toBe(0)
  })

  test('under load replacements are made ahead: about the floor stays ready', () => {
    const pool = new Simulation({ parallel: 8 })
    pool.run(2000, nothing)
    pool.run(20_000, every(50))
    expect(pool.misses).toBe(0)
    expect(pool.ready).toBeGreaterThanOrEqual(3)
  })

  test('a burst of the size of the pool is answered at once, and the pool fills again', () => {
    const pool = new Simulation()
    pool.run(2000, nothing)
    pool.run(10, () => 4)
    expect(pool.misses).toBe(0)
    pool.run(2000, nothing)
    expect(pool.ready).toBeGreaterThanOrEqual(4)
  })

  test('after the load the pool shrinks to its floor', () => {
    const pool = new Simulation({ parallel: 8 })
    pool.run(2000, nothing)
    pool.run(20_000, every(20))
    pool.run(60_000, nothing)
    expect(pool.ready).toBe(4)
  })

  test('silence changes nothing', () => {
    const pool = new Simulation()
    pool.run(60_000, nothing)
    expect(pool.ready).toBe(4)
    expect(pool.mostReady).toBe(4)
  })

  test('no demand brings it above its ceiling', () => {
    const pool = new Simulation({ ceiling: 6, parallel: 100 })
    pool.run(20_000, every(10))
    pool.run(1000, nothing)
    expect(pool.mostReady).toBeLessThanOrEqual(6)
  })
})

describe('the ceiling', () => {
  test('is four times the floor with memory in plenty', () => {
    expect(ceilingOf(5, 5, 2 ** 40, 2 ** 26)).toBe(20)
  })

  test('is what half of the free memory holds beside what is there', () => {
    expect(ceilingOf(5, 5, 4 * 2 ** 26, 2 ** 26)).toBe(7)
  })

  test('is never below the floor', () => {
    expect(ceilingOf(5, 0, 0, 2 ** 26)).toBe(5)
  })
})

describe('failures', () => {
  test('the wait grows to half a minute and is spread over its upper half', () => {
    expect(backOffMs(1, 0)).toBe(125)
    expect(backOffMs(1, 0.999)).toBeCloseTo(250, 0)
    expect(backOffMs(2, 0)).toBe(250)
    expect(backOffMs(30, 0)).toBe(4000)
  })

  test('five in a row open the circuit', () => {
    expect(isCircuitOpen(4)).toBe(false)
    expect(isCircuitOpen(5)).toBe(true)
  })
})

test('the rate forgets', () => {
  const rate = new RateEstimate(0)
  for (let atMs = 0; atMs < 30_000; atMs += 100) rate.add(atMs)
  expect(rate.perSecond(30_000)).toBeCloseTo(10, 0)
  expect(rate.perSecond(60_000)).toBeLessThan(0.1)
})
