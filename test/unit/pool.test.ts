import { setImmediate as turn } from 'node:timers/promises'
import { afterEach, beforeEach, describe, expect, test, vi } from 'vitest'
import { CapacityLimit } from '../../src/pool/capacity-limit.ts'
import type { Executor } from '../../src/pool/executor.ts'
import { Pool } from '../../src/pool/pool.ts'
import { FakeExecutor } from '../support/fake-executor.ts'

/** A pool whose executors are made when the test says so. */
class EngineContext {
  readonly made: FakeExecutor[] = []
  readonly events = { ready: 0, createFailed: 0, disposeFailed: 0, diedWaiting: 0 }
  readonly circuits: boolean[] = []
  waiting = 1
  yields = false
  readonly pool: Pool
  attempts = 0
  #finish: ((error?: Error) => void)[] = []

  constructor(size: number, gate = new CapacityLimit(100, 100)) {
    this.pool = new Pool({
      size,
      gate,
      create: () => this.#create(),
      events: {
        ready: () => this.events.ready++,
        createFailed: () => this.events.createFailed++,
        disposeFailed: () => this.events.disposeFailed++,
        diedWaiting: () => this.events.diedWaiting++,
        circuit: (open) => this.circuits.push(open),
      },
      freeMemoryBytes: () => 8 * 1024 ** 3,
      waiting: () => this.waiting,
      yields: () => this.yields,
    })
  }

  get beingMade(): number {
    return this.#finish.length
  }

  /** Ends everything that is being made now, well or badly. */
  async finish(error?: Error): Promise<void> {
    for (const finish of this.#finish.splice(0)) finish(error)
    await turn()
  }

  #create(): Promise<Executor> {
    this.attempts++
    return new Promise((resolve, reject) => {
      this.#finish.push((error) => {
        if (error) return reject(error)
        const executor = new FakeExecutor(`fake-${this.made.length}`)
        this.made.push(executor)
        resolve(executor)
      })
    })
  }
}

function lease(pool: Pool): FakeExecutor {
  const executor = pool.tryLease()
  if (!executor) throw new Error('none is ready')
  return executor as FakeExecutor
}

describe('filling', () => {
  test('makes as many as it keeps, and no more', async () => {
    const shop = new EngineContext(3)
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
    const shop = new EngineContext(2)
    shop.pool.start()
    await shop.finish()
    expect([lease(shop.pool).id, lease(shop.pool).id]).toEqual(['fake-0', 'fake-1'])
    expect(shop.pool.tryLease()).toBeNull()
  })

  test('replaces what is leased while it is still in use', async () => {
    const shop = new EngineContext(1)
    shop.pool.start()
    await shop.finish()
    const first = lease(shop.pool)
    await vi.waitUntil(() => shop.beingMade === 1)
    await shop.finish()
    expect(lease(shop.pool)).not.toBe(first)
    expect(first.disposals).toBe(0)
  })

  test('lets a run that has just begun alone, unless another waits', async () => {
    const shop = new EngineContext(2)
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
    const shop = new EngineContext(1)
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
    const shop = new EngineContext(1)
    shop.pool.start()
    await shop.finish()
    const executor = lease(shop.pool)
    shop.waiting = 0
    shop.pool.release(executor)
    await turn()
    expect(executor).toMatchObject({ isHalted: true, disposals: 0 })
    await vi.waitFor(() => expect(executor.disposals).toBe(1))
  })

  test('keeps to the gate, and goes on when a place is free', async () => {
    const gate = new CapacityLimit(1, 2)
    const shop = new EngineContext(3, gate)
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

  test('two pools share the gate', async () => {
    const gate = new CapacityLimit(1, 10)
    const shops = [new EngineContext(1, gate), new EngineContext(1, gate)]
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
    const shop = new EngineContext(8, new CapacityLimit(100, 1000))
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
    const shop = new EngineContext(4)
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
    const shop = new EngineContext(8)
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

describe('death', () => {
  test('one that dies while it waits is removed and replaced', async () => {
    const shop = new EngineContext(1)
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
    const shop = new EngineContext(1)
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
    const shop = new EngineContext(1, new CapacityLimit(1, 1))
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
    const shop = new EngineContext(1, new CapacityLimit(1, 1))
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
    const shop = new EngineContext(1)
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
    const shop = new EngineContext(2)
    shop.pool.start()
    await shop.finish(failure)
    vi.advanceTimersByTime(250)
    expect(shop.beingMade).toBe(2)
    await shop.finish()
    expect(shop.pool.count('ready')).toBe(2)
  })

  test('a close ends the trying', async () => {
    const shop = new EngineContext(1)
    shop.pool.start()
    await shop.finish(failure)
    await shop.pool.close()
    vi.advanceTimersByTime(60_000)
    expect(shop.attempts).toBe(1)
  })
})

describe('close', () => {
  test('destroys all of them, leased ones too, and makes no new ones', async () => {
    const shop = new EngineContext(3)
    shop.pool.start()
    await shop.finish()
    lease(shop.pool)
    await shop.pool.close()
    expect(shop.made.map(({ disposals }) => disposals)).toEqual([1, 1, 1])
    expect(shop.attempts).toBe(3)
    expect(shop.pool.tryLease()).toBeNull()
  })

  test('waits for those that are being made, and destroys them', async () => {
    const shop = new EngineContext(1)
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
    const shop = new EngineContext(1)
    shop.pool.start()
    await shop.finish()
    const executor = lease(shop.pool)
    await shop.pool.close()
    expect(() => shop.pool.release(executor)).not.toThrow()
  })

  test('may be called again', async () => {
    const shop = new EngineContext(1)
    shop.pool.start()
    await shop.finish()
    await Promise.all([shop.pool.close(), shop.pool.close()])
    await shop.pool.close()
    expect(shop.made[0]?.disposals).toBe(1)
  })
})
