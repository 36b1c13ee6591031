/** What callers may keep. */
import { type Environment, integer, setting } from './setting.ts'

export interface SessionSettings {
  /** Sessions of one caller at once, hibernated ones included; 0: there are no sessions. */
  readonly sessionsPerCaller: number
}

/**
 * Reads how many sessions there may be.
 * @throws ManagerError CONFIG_INVALID
 */
export function readSessions(env: Environment): SessionSettings {
  return {
    sessionsPerCaller: setting(env, 'EXECUTOR_MANAGER_SESSIONS', 8, integer(0, 10_000)),
  }
}
