import { MIB } from '../../lib/units.ts'
import { mostCpuTimeMs } from '../../run/cpu-time.ts'
import { invalid } from '../v1/problems.ts'
import type { RunInput } from '../v1/read-run.ts'
import type { OfferedTemplate } from '../v1/service.ts'
import { CONSTRAINTS, type PistonRequest } from './read-request.ts'

/**
 * Returns the limits that a request asks for.
 * @throws Problem in Piston's words
 */
export function limitsOf(
  constraints: PistonRequest['constraints'],
  { limits }: OfferedTemplate,
): RunInput['fields']['limits'] {
  const most: Readonly<Record<string, number>> = {
    run_timeout: limits.wallTimeMs,
    run_cpu_time: mostCpuTimeMs(limits),
    run_memory_limit: limits.memoryBytes,
  }
  const given: Record<string, number> = {}
  for (const name of CONSTRAINTS) {
    const value = constraints[name]
    // Piston takes no limit for one; its clients send -1.
    if (!value || value === -1) continue
    if (typeof value !== 'number') throw wrong(`If specified, ${name} must be a number`)
    const limit = most[name]
    if (limit === undefined) continue
    if (value > limit) throw wrong(`${name} cannot exceed the configured limit of ${limit}`)
    if (value < 0) throw wrong(`${name} must be non-negative`)
    given[name] = value
  }
  const { run_timeout: wall, run_cpu_time: cpu, run_memory_limit: memory } = given
  return {
    ...(wall === undefined ? {} : { wall_ms: Math.max(1, Math.round(wall)) }),
    ...(cpu === undefined ? {} : { cpu_ms: Math.max(1, Math.round(cpu)) }),
    ...(memory === undefined ? {} : { memory_mb: Math.max(1, Math.floor(memory / MIB)) }),
  }
}

/** Returns the problem of what is wrong with a request. */
export function wrong(detail: string) {
  return invalid([{ pointer: '', detail: detail.slice(0, 300) }])
}
