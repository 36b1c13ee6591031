/** What is kept for callers over restarts. */
import { MIB } from '../lib/units.ts'
import { duration, type Environment, integer, setting, size } from './setting.ts'

export interface JobSettings {
  /** How long an accepted run is kept once it has ended. */
  readonly keepMs: number
  /** Bytes that the store may hold: of all callers, and of one. */
  readonly bytes: number
  readonly bytesPerOwner: number
  /** Accepted runs that may wait: of all callers, and of one. */
  readonly queued: number
  readonly queuedPerOwner: number
}

const DAY_MS = 86_400_000

/**
 * Reads what is kept, for how long, and how much of it.
 * @throws ManagerError CONFIG_INVALID
 */
export function readJobs(env: Environment): JobSettings {
  const bytes = setting(env, 'EXECUTOR_MANAGER_STORE_SIZE', 1024 * MIB, size(64 * MIB))
  const queued = setting(env, 'EXECUTOR_MANAGER_STORE_QUEUE', 10_000, integer(1, 1_000_000))
  return {
    keepMs: setting(env, 'EXECUTOR_MANAGER_STORE_AGE', DAY_MS, duration(1000, 365 * DAY_MS)),
    bytes,
    bytesPerOwner: Math.floor(bytes / 4),
    queued,
    queuedPerOwner: Math.max(1, Math.floor(queued / 4)),
  }
}
