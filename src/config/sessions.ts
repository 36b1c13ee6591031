/** What callers may keep. */
import { duration, type Environment, integer, setting } from './setting.ts'

export interface SessionSettings {
  /** Sessions of one caller at once, hibernated ones included; 0: there are no sessions. */
  readonly sessionsPerCaller: number
  /** How often a session that is used is written to disk, from where it goes on; null: never. */
  readonly sessionSaveMs: number | null
}

/**
 * Reads how many sessions there may be.
 * @throws ManagerError CONFIG_INVALID
 */
export function readSessions(env: Environment): SessionSettings {
  return {
    sessionsPerCaller: setting(env, 'EXECUTOR_MANAGER_SESSIONS', 8, integer(0, 10_000)),
    sessionSaveMs: setting(env, 'EXECUTOR_MANAGER_SESSION_SAVE', null, (text) =>
      text === 'off' ? null : duration(1000, 86_400_000)(text),
    ),
  }
}
