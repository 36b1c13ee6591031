/** What callers may keep. */
import { MIB } from '../lib/units.ts'
import { boolean, duration, type Environment, integer, setting, size } from './setting.ts'

export interface SessionSettings {
  /** Sessions of one caller at once, hibernated ones included; 0: there are no sessions. */
  readonly sessionsPerCaller: number
  /** How often a session that is used is written to disk, from where it goes on; null: never. */
  readonly sessionSaveMs: number | null
  /** What sessions and snapshots may take on disk in all; null: a share of what the disk has. */
  readonly sessionDiskBytes: number | null
  /** Those of one caller; null: a quarter of that. */
  readonly sessionDiskBytesPerCaller: number | null
  /** Sandboxes that are kept ready for sessions, of each template in use. */
  readonly readySessions: number
  /** Whether the template `workspace` is built in the background where it is not there. */
  readonly buildsWorkspace: boolean
}

/**
 * Reads how many sessions there may be, and what they may take.
 * @throws ManagerError CONFIG_INVALID
 */
export function readSessions(env: Environment): SessionSettings {
  return {
    sessionsPerCaller: setting(env, 'EXECUTOR_MANAGER_SESSIONS', 8, integer(0, 10_000)),
    sessionSaveMs: setting(env, 'EXECUTOR_MANAGER_SESSION_SAVE', null, (text) =>
      text === 'off' ? null : duration(1000, 86_400_000)(text),
    ),
    sessionDiskBytes: setting(env, 'EXECUTOR_MANAGER_SESSION_DISK', null, size(64 * MIB)),
    sessionDiskBytesPerCaller: setting(
      env,
      'EXECUTOR_MANAGER_SESSION_DISK_PER_CALLER',
      null,
      size(MIB),
    ),
    readySessions: setting(env, 'EXECUTOR_MANAGER_READY_SESSIONS', 1, integer(0, 64)),
    buildsWorkspace: setting(env, 'EXECUTOR_MANAGER_BUILD_WORKSPACE', true, boolean),
  }
}
