import { ManagerError } from '../errors.ts'
import { mostCpuTimeMs } from '../run/cpu-time.ts'
import type { RunLimits } from '../run/types.ts'

/** The least that a run may be given of each limit that can be set for it alone. */
const LEAST: Readonly<Partial<Record<keyof RunLimits, number>>> = {
  wallTimeMs: 1,
  cpuTimeMs: 1,
  memoryBytes: 1024 ** 2,
  // A hundredth is the least that the kernel's period of 100 ms can hold.
  cpus: 0.01,
  processes: 1,
  outputBytes: 0,
  resultBytes: 0,
  artifacts: 0,
  artifactBytes: 0,
}

/**
 * Returns the limits of one run: what its request asks for, else its template's.
 * @throws ManagerError REQUEST_INVALID that names the member, for a value above the template's and for a
 *   limit that is fixed when an executor is made
 */
export function limitsOfRun(template: RunLimits, wanted: Partial<RunLimits>): RunLimits {
  for (const [name, value] of Object.entries(wanted) as [keyof RunLimits, number | undefined][]) {
    if (value === undefined) continue
    const field = `limits.${name}`
    const refuse = (why: string) =>
      new ManagerError('REQUEST_INVALID', `${field} ${why}.`, { field })
    const least = LEAST[name]
    if (least === undefined) throw refuse('cannot be set for a run: the template sets it')
    const isNumber = name === 'cpus' ? Number.isFinite(value) : Number.isInteger(value)
    if (!isNumber || value < least) throw refuse(`must be a number of at least ${least}`)
    const most = name === 'cpuTimeMs' ? mostCpuTimeMs(template) : template[name]
    if (value > most) throw refuse(`may be ${most} at most`)
  }
  const given = Object.entries(wanted).filter(([, value]) => value !== undefined)
  return given.length === 0 ? template : { ...template, ...Object.fromEntries(given) }
}
