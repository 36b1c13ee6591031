/** How executors are made from snapshots. */
import type { RenewalSettings } from '../engine/runsc/generation.ts'
import { ManagerError } from '../errors.ts'
import { boolean, duration, type Environment, setting } from './setting.ts'

/** What of the configuration is about snapshots. */
export interface SnapshotSettings {
  /** Whether executors are restored from snapshots; else every one is started cold. */
  readonly snapshots: boolean
  /** Whether each key has pools and snapshots of its own. */
  readonly snapshotsPerKey: boolean
  /** When a snapshot is replaced by a new one; null: never. */
  readonly snapshotRenewal: RenewalSettings | null
}

/**
 * Reads how snapshots are used.
 * @param keys number of API keys
 * @throws ManagerError CONFIG_INVALID
 */
export function readSnapshots(env: Environment, keys: number): SnapshotSettings {
  return {
    snapshots: setting(env, 'EXECUTOR_MANAGER_SNAPSHOTS', true, boolean),
    snapshotsPerKey: readSnapshotsPerKey(env, keys),
    snapshotRenewal: readRenewal(env),
  }
}

function readSnapshotsPerKey(env: Environment, keys: number): boolean {
  const wanted = setting(env, 'EXECUTOR_MANAGER_SNAPSHOTS_PER_KEY', false, boolean)
  if (!wanted || keys > 0) return wanted
  throw new ManagerError(
    'CONFIG_INVALID',
    'EXECUTOR_MANAGER_SNAPSHOTS_PER_KEY is set, and there are no keys: set EXECUTOR_MANAGER_API_KEYS',
  )
}

/** Under full load that is 5 to 10 minutes, each of the generations being taken for a part of them. */
const RESTORES_OF_A_SNAPSHOT = 1000

function readRenewal(env: Environment): RenewalSettings | null {
  const ageMs = setting(env, 'EXECUTOR_MANAGER_SNAPSHOT_AGE', 900_000, (text) =>
    text === 'off' ? Number.POSITIVE_INFINITY : duration(1000, 30 * 86_400_000)(text),
  )
  return ageMs === Number.POSITIVE_INFINITY ? null : { ageMs, restores: RESTORES_OF_A_SNAPSHOT }
}
