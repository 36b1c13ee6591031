import { Counter, Gauge, Histogram, Registry } from 'prom-client'
import { lostLogLines } from './log.ts'
import type { RunTimings } from './run/types.ts'

/** Values that are read at each scrape, not counted as they change. */
export interface MetricsSources {
  /** Executors by pool and state. */
  executors(): Iterable<{ pool: string; state: string; count: number }>
  queued(): number
  /** Sandboxes that wait for a session, by template. */
  readySessions(): Iterable<{ template: string; count: number }>
}

const PHASE_BUCKETS_S = [0.0005, 0.001, 0.002, 0.004, 0.008, 0.016, 0.032, 0.064, 0.25, 1, 4, 16]

/** The service's metrics, for Prometheus. Names begin with `executor_manager_`. */
export class Metrics {
  readonly registry = new Registry()
  readonly #runs = this.#counter('runs_total', 'Runs by runtime and outcome', [
    'runtime',
    'outcome',
  ])
  readonly #phases = new Histogram({
    name: 'executor_manager_phase_seconds',
    help: 'Where the time of runs went: queue, execute, collect',
    labelNames: ['runtime', 'phase'],
    buckets: PHASE_BUCKETS_S,
    registers: [this.registry],
  })
  readonly #made = new Histogram({
    name: 'executor_manager_executor_made_seconds',
    help: 'Time to make an executor ready, by how it was made: restore, boot',
    labelNames: ['runtime', 'how'],
    buckets: [0.1, 0.2, 0.3, 0.5, 1, 2, 4, 8, 16],
    registers: [this.registry],
  })
  readonly #restoreFailures = this.#counter(
    'restore_failures_total',
    'Restores from a snapshot that failed',
    ['runtime'],
  )
  readonly #fallbacks = this.#counter(
    'cold_fallbacks_total',
    'Times that snapshots could not be had and executors were started cold',
    ['runtime'],
  )
  readonly #createFailures = this.#counter(
    'executor_failures_total',
    'Executors that could not be made, or died while they waited',
    ['runtime', 'how'],
  )
  readonly #refused = this.#counter(
    'refused_connections_total',
    'Connections and host names that the network policy refused',
    [],
  )
  readonly #circuit = new Gauge({
    name: 'executor_manager_circuit_open',
    help: '1 while executors of a runtime cannot be made and only one is tried at a time',
    labelNames: ['runtime'],
    registers: [this.registry],
  })
  readonly #snapshotTimes = new Map<string, number>()

  constructor(sources: MetricsSources) {
    const { registry } = this
    new Gauge({
      name: 'executor_manager_executors',
      help: 'Executors by runtime and state',
      labelNames: ['runtime', 'state'],
      registers: [registry],
      collect() {
        for (const { pool: runtime, state, count } of sources.executors()) {
          this.set({ runtime, state }, count)
        }
      },
    })
    new Gauge({
      name: 'executor_manager_queued_runs',
      help: 'Runs that wait for an executor',
      registers: [registry],
      collect() {
        this.set(sources.queued())
      },
    })
    new Gauge({
      name: 'executor_manager_ready_sessions',
      help: 'Sandboxes that wait for a session, by template',
      labelNames: ['template'],
      registers: [registry],
      collect() {
        this.reset()
        for (const { template, count } of sources.readySessions()) this.set({ template }, count)
      },
    })
    new Counter({
      name: 'executor_manager_log_lines_lost_total',
      help: 'Lines of the log that were lost because nobody read them, or the disk was full',
      registers: [registry],
      collect() {
        this.reset()
        this.inc(lostLogLines())
      },
    })
    const snapshotTimes = this.#snapshotTimes
    new Gauge({
      name: 'executor_manager_snapshot_age_seconds',
      help: 'Age of the snapshot that executors are restored from',
      labelNames: ['runtime'],
      registers: [registry],
      collect() {
        this.reset()
        for (const [runtime, createdAtMs] of snapshotTimes) {
          this.set({ runtime }, (Date.now() - createdAtMs) / 1000)
        }
      },
    })
  }

  /** @param outcome the status of the answer, or why there was none */
  runEnded(runtime: string, outcome: string): void {
    this.#runs.inc({ runtime, outcome })
  }

  runTimed(runtime: string, timings: RunTimings): void {
    this.#phases.observe({ runtime, phase: 'queue' }, timings.queueMs / 1000)
    this.#phases.observe({ runtime, phase: 'execute' }, timings.executeMs / 1000)
    this.#phases.observe({ runtime, phase: 'collect' }, timings.collectMs / 1000)
  }

  executorMade(runtime: string, how: 'restore' | 'boot', ms: number): void {
    this.#made.observe({ runtime, how }, ms / 1000)
  }

  executorFailed(runtime: string, how: 'create' | 'died_waiting'): void {
    this.#createFailures.inc({ runtime, how })
  }

  restoreFailed(runtime: string): void {
    this.#restoreFailures.inc({ runtime })
  }

  connectionsRefused(count: number): void {
    this.#refused.inc(count)
  }

  circuit(runtime: string, open: boolean): void {
    this.#circuit.set({ runtime }, open ? 1 : 0)
  }

  coldFallback(runtime: string): void {
    this.#fallbacks.inc({ runtime })
    this.#snapshotTimes.delete(runtime)
  }

  snapshotReady(runtime: string, createdAtMs: number): void {
    this.#fallbacks.inc({ runtime }, 0)
    this.#snapshotTimes.set(runtime, createdAtMs)
  }

  #counter<L extends string>(name: string, help: string, labelNames: L[]): Counter<L> {
    return new Counter({
      name: `executor_manager_${name}`,
      help,
      labelNames,
      registers: [this.registry],
    })
  }
}
