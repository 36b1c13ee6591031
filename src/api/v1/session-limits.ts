import { MIB } from '../../lib/units.ts'
import type { SandboxLimits } from '../../sessions/engine.ts'
import { type LimitName, LimitTooHigh } from '../../sessions/limits.ts'
import { invalid } from './problems.ts'
import type { SessionLimitsAnswer, SessionLimitsAsked } from './session-schema.ts'

/** The limits of the wire, and what they are in the core. */
const LIMITS: Readonly<
  Record<keyof SessionLimitsAnswer, { readonly limit: LimitName; readonly factor: number }>
> = {
  memory_mb: { limit: 'memoryBytes', factor: MIB },
  cpus: { limit: 'cpus', factor: 1 },
  processes: { limit: 'processes', factor: 1 },
  disk_mb: { limit: 'workspaceBytes', factor: MIB },
}
const WIRE_NAMES = Object.keys(LIMITS) as (keyof SessionLimitsAnswer)[]

/** Returns what a session may use in the words of the wire. */
export function wireSessionLimits(limits: SandboxLimits): SessionLimitsAnswer {
  const entries = WIRE_NAMES.map((name) => [name, wireLimit(name, limits[LIMITS[name].limit])])
  return Object.fromEntries(entries) as SessionLimitsAnswer
}

function wireLimit(name: keyof SessionLimitsAnswer, value: number): number {
  const { factor } = LIMITS[name]
  return factor === 1 ? value : Math.floor(value / factor)
}

/** Returns what a request asks for in the words of the core. */
export function coreSessionLimits(limits: SessionLimitsAsked): Partial<SandboxLimits> {
  const entries = WIRE_NAMES.flatMap((name) => {
    const value = limits[name]
    return value === undefined ? [] : [[LIMITS[name].limit, value * LIMITS[name].factor]]
  })
  return Object.fromEntries(entries)
}

/** Returns what a failure to make a session means, with the member of the request that asks for too much. */
export function sessionLimitProblem(error: Error): Error {
  if (!(error instanceof LimitTooHigh)) return error
  const name = WIRE_NAMES.find((one) => LIMITS[one].limit === error.limit) ?? 'memory_mb'
  const detail = `is at most ${wireLimit(name, error.most)} here`
  return invalid([{ pointer: `/limits/${name}`, detail }])
}
