import type { Runs, RunTimings } from '../../run/types.ts'
import type { Template } from './admit.ts'
import type { StatusAnswer } from './answer-schema.ts'

/** A library of a template. */
export interface Library {
  readonly name: string
  readonly version: string | null
}

/** A template with what callers are told of it. */
export interface OfferedTemplate extends Template {
  /** Of the language; null: not known. */
  readonly version: string | null
  readonly libraries: readonly Library[]
  /** Modules that its executors have loaded before a program comes. */
  readonly preloaded: readonly string[]
}

export interface RunMetrics {
  runEnded(template: string, outcome: string): void
  runTimed(template: string, timings: RunTimings): void
}

/** What the native API needs of the rest. */
export interface NativeService {
  readonly runs: Runs
  readonly templates: readonly OfferedTemplate[]
  /** Of the product. */
  readonly version: string
  readonly metrics: RunMetrics
  /** What there is to tell of the service now. */
  status(): Pick<StatusAnswer, 'queued' | 'executors'>
}
