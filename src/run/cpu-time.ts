import type { RunLimits } from './types.ts'

/** Returns the most processor time in milliseconds that a run with these limits can use: a limit above it means nothing. */
export function mostCpuTimeMs({ cpuTimeMs, wallTimeMs, cpus }: RunLimits): number {
  return cpuTimeMs ?? Math.max(1, Math.floor(wallTimeMs * cpus))
}
