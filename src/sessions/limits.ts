import { ManagerError } from '../errors.ts'
import type { SandboxLimits } from './engine.ts'

const NAMES = ['memoryBytes', 'cpus', 'processes', 'workspaceBytes'] as const
export type LimitName = (typeof NAMES)[number]

/** A session may not have as much as was asked for. */
export class LimitTooHigh extends ManagerError {
  readonly limit: LimitName
  readonly most: number

  constructor(limit: LimitName, most: number) {
    super('REQUEST_INVALID', `limits.${limit}: is at most ${most} here.`, {
      field: `limits.${limit}`,
    })
    this.limit = limit
    this.most = most
  }
}

/**
 * Returns what a new session may use: what is asked for, and of the rest what its template has.
 * @throws LimitTooHigh
 */
export function limitsOfNew(
  asked: Partial<SandboxLimits> | undefined,
  most: SandboxLimits,
): SandboxLimits {
  return each((name) => {
    const value = asked?.[name] ?? most[name]
    if (value > most[name]) throw new LimitTooHigh(name, most[name])
    return value
  })
}

/** Returns what a session may use that an earlier manager made, whose templates may have had other limits. */
export function limitsOfFound(found: Partial<SandboxLimits>, most: SandboxLimits): SandboxLimits {
  return each((name) => Math.min(found[name] ?? most[name], most[name]))
}

/** Tells whether a sandbox of the template can be given these limits after its boot. */
export function canBeSetLater(limits: SandboxLimits, most: SandboxLimits): boolean {
  return limits.processes === most.processes && limits.workspaceBytes === most.workspaceBytes
}

function each(of: (name: LimitName) => number): SandboxLimits {
  const [memoryBytes, cpus, processes, workspaceBytes] = NAMES.map(of) as [
    number,
    number,
    number,
    number,
  ]
  return { memoryBytes, cpus, processes, workspaceBytes }
}
