import type { OutputAccounts } from './commands.ts'
import type { DiskAccounts } from './disk.ts'
import type { ReadySettings } from './ready-sandboxes.ts'

/** How many sessions there may be, and what is counted for them. */
export interface SessionSettings {
  /** Sessions of one caller at once, and of all; hibernated ones included. */
  readonly perCaller: number
  readonly inAll: number
  /** Accounts for the output of commands; null: it is not counted. */
  readonly outputs?: OutputAccounts | null
  /** How often sessions that are used are written to disk while they go on; null: never. */
  readonly saveEveryMs: number | null
  /** Accounts for the files on disk; null: they are not counted. */
  readonly disk?: DiskAccounts | null
  /** How long before its end a session is told that it will be dropped for want of disk. */
  readonly dropGraceMs?: number
  /** Sandboxes that are made before sessions are asked for; by default none are. */
  readonly ready?: ReadySettings
}
