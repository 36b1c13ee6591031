/** What engine and pools tell, for the log and the metrics. */
import type { Logger } from 'pino'
import type { EngineEvents } from './engine/runsc/engine-context.ts'
import type { Metrics } from './metrics.ts'
import type { CapacityLimit } from './pool/capacity-limit.ts'
import type { FirstExecutors } from './pool/first-executors.ts'
import type { PoolEvents } from './pool/pool.ts'

/**
 * Returns what logs and counts the events of the engine.
 * @param capacity told of sandboxes that could not be removed yet, whose places stay taken
 */
export function engineEvents(log: Logger, metrics: Metrics, capacity: CapacityLimit): EngineEvents {
  return {
    snapshotBuilding: (runtime) => log.info({ runtime }, 'making a snapshot'),
    snapshotReady: (runtime, createdAtMs) => {
      log.info({ runtime }, 'snapshot ready')
      metrics.snapshotReady(runtime, createdAtMs)
    },
    restored: (runtime, ms) => metrics.executorMade(runtime, 'restore', ms),
    restoreFailed: (runtime, err) => {
      log.error({ runtime, err }, 'restore failed')
      metrics.restoreFailed(runtime)
    },
    coldBooted: (runtime, ms) => metrics.executorMade(runtime, 'boot', ms),
    coldFallback: (runtime, err) => {
      log.error({ runtime, err }, 'no snapshot: executors are started cold, slower, as isolated')
      metrics.coldFallback(runtime)
    },
    sweepFailed: (err) => log.error({ err }, 'what an earlier manager left cannot be removed'),
    renewalFailed: (runtime, err) => log.error({ runtime, err }, 'snapshot not renewed'),
    notRemoved: (executor, err) => log.error({ executor, err }, 'executor not removed yet'),
    remains: (removal) => capacity.occupy(removal),
    connectionsRefused: (count) => metrics.connectionsRefused(count),
  }
}

/**
 * Returns what logs and counts the events of a pool.
 * @param name of the pool
 * @param first told of the first executor of each pool
 * @param wake told that an executor of the pool may be leased
 */
export function poolEvents(
  name: string,
  log: Logger,
  metrics: Metrics,
  first: FirstExecutors,
  wake: () => void,
): PoolEvents {
  return {
    ready: () => {
      first.ready(name)
      wake()
    },
    createFailed: (err) => {
      first.failed(name, err)
      log.error({ runtime: name, err }, 'executor not made')
      metrics.executorFailed(name, 'create')
    },
    disposeFailed: (err) => log.error({ runtime: name, err }, 'executor not removed'),
    diedWaiting: () => {
      log.warn({ runtime: name }, 'executor died while it waited')
      metrics.executorFailed(name, 'died_waiting')
    },
    circuit: (open) => {
      const said = open ? 'executors fail: trying one at a time' : 'executors can be made again'
      log.warn({ runtime: name }, said)
      metrics.circuit(name, open)
    },
  }
}
