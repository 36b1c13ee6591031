import { setImmediate as turn } from 'node:timers/promises'
import { afterEach, beforeEach, describe, expect, test, vi } from 'vitest'
import { CapacityLimit } from '../../src/pool/capacity-limit.ts'
import { lease, PoolByHand } from '../support/pool-by-hand.ts'

describe('filling', () => {
  test('makes as many as it keeps, and no more', async () => {
    const shop = new PoolByHand(3)
    expect(shop.beingMade).toBe(0)
    shop.pool.start()
    expect(shop.beingMade).toBe(3)
    expect(shop.pool.tryLease()).toBeNull()
    await shop.finish()
    expect(shop.pool.count('ready')).toBe(3)
    expect(shop.events.ready).toBe(3)
    expect(shop.beingMade).toBe(0)
  })

  test('gives each executor once, the one that waits longest first', async () => {
    const shop = new PoolByHand(2)
    shop.pool.start()
    await shop.finish()
    expect([lease(shop.pool).id, lease(shop.pool).id]).toEqual(['fake-0', 'fake-1'])
    expect(shop.pool.tryLease()).toBeNull()
  })

  test('replaces what is leased while it is still in use', async () => {
    const shop = new PoolByHand(1)
    shop.pool.start()
    await shop.finish()
    const first = lease(shop.pool)
    await vi.waitUntil(() => shop.beingMade === 1)
    await shop.finish()
    expect(lease(shop.pool)).not.toBe(first)
    expect(first.disposals).toBe(0)
  })

  test('lets a run that has just begun alone, unless another waits', async () => {
    const shop = new PoolByHand(2)
    shop.waiting = 0
    shop.pool.start()
    await shop.finish()
    lease(shop.pool)
    shop.pool.expectLease()
    await turn()
    expect(shop.beingMade).toBe(0)
    lease(shop.pool)
    shop.waiting = 1
    shop.pool.expectLease()
    await turn()
    expect(shop.beingMade).toBe(2)
  })

  test('destroys what is given back and never gives it again', async () => {
    const shop = new PoolByHand(1)
    shop.pool.start()
    await shop.finish()
    const first = lease(shop.pool)
    shop.pool.release(first)
    await turn()
    expect(first.disposals).toBe(1)
    await shop.finish()
    expect(lease(shop.pool)).not.toBe(first)
    expect(() => shop.pool.release(first)).toThrow('not on lease')
  })

  test('halts what is given back while others may have begun, and destroys it afterwards', async () => {
    const shop = new PoolByHand(1)
    shop.pool.start()
    await shop.finish()
    const executor = lease(shop.pool)
    shop.waiting = 0
    shop.pool.release(executor)
    await turn()
    expect(executor).toMatchObject({ isHalted: true, disposals: 0 })
    await vi.waitFor(() => expect(executor.disposals).toBe(1))
  })

  test('keeps to the capacity, and goes on when a place is free', async () => {
    const capacity = new CapacityLimit(1, 2)
    const shop = new PoolByHand(3, capacity)
    shop.pool.start()
    expect(shop.beingMade).toBe(1)
    await shop.finish()
    expect(shop.beingMade).toBe(1)
    await shop.finish()
    expect(shop.beingMade).toBe(0)
    shop.pool.release(lease(shop.pool))
    await turn()
    expect(shop.beingMade).toBe(1)
  })

  test('two pools share the capacity', async () => {
    const capacity = new CapacityLimit(1, 10)
    const shops = [new PoolByHand(1, capacity), new PoolByHand(1, capacity)]
    for (const { pool } of shops) pool.start()
    expect(shops.map(({ beingMade }) => beingMade)).toEqual([1, 0])
    await shops[0]?.finish()
    expect(shops.map(({ beingMade }) => beingMade)).toEqual([0, 1])
  })
})

describe('leases that follow each other closely', () => {
  beforeEach(() => {
    vi.useFakeTimers({ toFake: ['setTimeout', 'clearTimeout', 'performance'] })
  })
  afterEach(() => {
    vi.useRealTimers()
  })

  test('do not postpone the making until none is ready', async () => {
    const shop = new PoolByHand(8, new CapacityLimit(100, 1000))
    shop.waiting = 0
    shop.pool.start()
    await shop.finish()
    for (let leases = 0; leases < 100; leases++) {
      vi.advanceTimersByTime(40)
      // Each takes as long to make as two more leases take to come.
      if (leases % 2 === 0) await shop.finish()
      shop.pool.expectLease()
      lease(shop.pool)
      expect(shop.pool.count('ready')).toBeGreaterThan(0)
    }
    expect(shop.attempts).toBeGreaterThan(100)
    await shop.finish()
  })

  test('are replaced by one alone while runs wait for a pool that costs less', async () => {
    const shop = new PoolByHand(4)
    shop.waiting = 0
    shop.pool.start()
    await shop.finish()
    shop.yields = true
    for (let leases = 0; leases < 4; leases++) lease(shop.pool)
    vi.advanceTimersByTime(200)
    expect(shop.beingMade).toBe(1)
    shop.yields = false
    await shop.finish()
    lease(shop.pool)
    vi.advanceTimersByTime(200)
    expect(shop.beingMade).toBe(4)
    await shop.finish()
  })

  test('are replaced 100 ms after the first of them', async () => {
    const shop = new PoolByHand(8)
    shop.waiting = 0
    shop.pool.start()
    await shop.finish()
    lease(shop.pool)
    vi.advanceTimersByTime(40)
    lease(shop.pool)
    vi.advanceTimersByTime(40)
    lease(shop.pool)
    expect(shop.beingMade).toBe(0)
    vi.advanceTimersByTime(20)
    expect(shop.beingMade).toBe(3)
    await shop.finish()
  })
})

describe('close', () => {
  test('destroys all of them, leased ones too, and makes no new ones', async () => {
    const shop = new PoolByHand(3)
    shop.pool.start()
    await shop.finish()
    lease(shop.pool)
    await shop.pool.close()
    expect(shop.made.map(({ disposals }) => disposals)).toEqual([1, 1, 1])
    expect(shop.attempts).toBe(3)
    expect(shop.pool.tryLease()).toBeNull()
  })

  test('waits for those that are being made, and destroys them', async () => {
    const shop = new PoolByHand(1)
    shop.pool.start()
    let isClosed = false
    const closed = shop.pool.close().then(() => {
      isClosed = true
    })
    await turn()
    expect(isClosed).toBe(false)
    await shop.finish()
    await closed
    expect(shop.made[0]?.disposals).toBe(1)
    expect(shop.events.ready).toBe(0)
  })

  test('a lease may end afterwards', async () => {
    const shop = new PoolByHand(1)
    shop.pool.start()
    await shop.finish()
    const executor = lease(shop.pool)
    await shop.pool.close()
    expect(() => shop.pool.release(executor)).not.toThrow()
  })

  test('may be called again', async () => {
    const shop = new PoolByHand(1)
    shop.pool.start()
    await shop.finish()
    await Promise.all([shop.pool.close(), shop.pool.close()])
    await shop.pool.close()
    expect(shop.made[0]?.disposals).toBe(1)
  })
})
