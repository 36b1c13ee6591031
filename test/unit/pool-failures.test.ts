import { setImmediate as turn } from 'node:timers/promises'
import { afterEach, beforeEach, describe, expect, test, vi } from 'vitest'
import { CapacityLimit } from '../../src/pool/capacity-limit.ts'
import { lease, PoolByHand } from '../support/pool-by-hand.ts'

describe('death', () => {
  test('one that dies while it waits is removed and replaced', async () => {
    const shop = new PoolByHand(1)
    shop.pool.start()
    await shop.finish()
    shop.made[0]?.die()
    await turn()
    await turn()
    expect(shop.made[0]?.disposals).toBe(1)
    expect(shop.events.diedWaiting).toBe(1)
    expect(shop.pool.tryLease()).toBeNull()
    await shop.finish()
    expect(lease(shop.pool).id).toBe('fake-1')
  })

  test('one that dies in its run is disposed of once, by who has it', async () => {
    const shop = new PoolByHand(1)
    shop.pool.start()
    await shop.finish()
    const executor = lease(shop.pool)
    executor.die()
    await turn()
    expect(executor.disposals).toBe(0)
    shop.pool.release(executor)
    await turn()
    expect(executor.disposals).toBe(1)
    expect(shop.events.diedWaiting).toBe(0)
  })

  test('one that cannot be removed keeps its place until it is', async () => {
    const shop = new PoolByHand(1, new CapacityLimit(1, 1))
    shop.pool.start()
    await shop.finish()
    const executor = lease(shop.pool)
    let removed = () => {}
    executor.dispose = () =>
      new Promise((resolve) => {
        removed = resolve
      })
    shop.pool.release(executor)
    await turn()
    expect(shop.pool.count('disposing')).toBe(1)
    expect(shop.beingMade).toBe(0)
    removed()
    await turn()
    expect(shop.pool.count('disposing')).toBe(0)
    expect(shop.beingMade).toBe(1)
    await shop.finish()
  })

  test('one that a stop gives up is told, and its place is lost', async () => {
    const shop = new PoolByHand(1, new CapacityLimit(1, 1))
    shop.pool.start()
    await shop.finish()
    const executor = lease(shop.pool)
    executor.dispose = () => Promise.reject(new Error('busy'))
    shop.pool.release(executor)
    await turn()
    expect(shop.events.disposeFailed).toBe(1)
    expect(shop.beingMade).toBe(0)
  })
})

describe('failing to make one', () => {
  beforeEach(() => {
    vi.useFakeTimers({ toFake: ['setTimeout', 'clearTimeout'] })
  })
  afterEach(() => {
    vi.useRealTimers()
  })

  const failure = new Error('no memory')

  test('is tried again after a pause, longer each time', async () => {
    const shop = new PoolByHand(1)
    shop.pool.start()
    await shop.finish(failure)
    expect(shop.events.createFailed).toBe(1)
    expect(shop.attempts).toBe(1)
    for (let second = 0; second < 60; second++) {
      vi.advanceTimersByTime(1000)
      await shop.finish(failure)
    }
    // 250 ms, 500 ms, ... 30 s, each up to half shorter.
    expect(shop.attempts).toBeGreaterThan(5)
    expect(shop.attempts).toBeLessThan(15)
  })

  test('does not end the pool: it fills as soon as it can', async () => {
    const shop = new PoolByHand(2)
    shop.pool.start()
    await shop.finish(failure)
    vi.advanceTimersByTime(250)
    expect(shop.beingMade).toBe(2)
    await shop.finish()
    expect(shop.pool.count('ready')).toBe(2)
  })

  test('a close ends the trying', async () => {
    const shop = new PoolByHand(1)
    shop.pool.start()
    await shop.finish(failure)
    await shop.pool.close()
    vi.advanceTimersByTime(60_000)
    expect(shop.attempts).toBe(1)
  })
})
