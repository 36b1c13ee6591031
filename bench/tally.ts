import type { TimedRun } from './client.ts'

/** How many runs failed, by how they did. */
export type Failures = Readonly<Record<string, number>>

/** Collects the runs of one measurement. Failed ones count as failures, and their time as well. */
export class Tally {
  readonly latenciesMs: number[] = []
  readonly servicesMs: number[] = []
  readonly failures: Record<string, number> = {}

  add({ latencyMs, serviceMs, failure }: TimedRun): void {
    this.latenciesMs.push(latencyMs)
    if (!Number.isNaN(serviceMs)) this.servicesMs.push(serviceMs)
    if (failure !== null) this.failures[failure] = (this.failures[failure] ?? 0) + 1
  }
}

export function failureCount(failures: Failures): number {
  return Object.values(failures).reduce((sum, count) => sum + count, 0)
}

/** `0`, or `3 (runtime_error 2, ECONNRESET 1)`. */
export function failureCell(failures: Failures): string {
  const total = failureCount(failures)
  if (total === 0) return '0'
  const kinds = Object.entries(failures).map(([name, count]) => `${name} ${count}`)
  return `${total} (${kinds.join(', ')})`
}
