import { setImmediate as turn } from 'node:timers/promises'
import { CapacityLimit } from '../../src/pool/capacity-limit.ts'
import type { Executor } from '../../src/pool/executor.ts'
import { Pool } from '../../src/pool/pool.ts'
import { FakeExecutor } from './fake-executor.ts'

/** A pool whose executors are made when the test says so. */
export class PoolByHand {
  readonly made: FakeExecutor[] = []
  readonly events = { ready: 0, createFailed: 0, disposeFailed: 0, diedWaiting: 0 }
  readonly circuits: boolean[] = []
  waiting = 1
  yields = false
  readonly pool: Pool
  attempts = 0
  #finish: ((error?: Error) => void)[] = []

  constructor(size: number, capacity = new CapacityLimit(100, 100)) {
    this.pool = new Pool({
      size,
      capacity,
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

export function lease(pool: Pool): FakeExecutor {
  const executor = pool.tryLease()
  if (!executor) throw new Error('none is ready')
  return executor as FakeExecutor
}
