/** What callers may keep. */
import { readFileSync } from 'node:fs'
import { ManagerError } from '../errors.ts'
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
  /** What sessions on disk are encrypted with, 32 bytes; null: they are not. */
  readonly sessionKey: Buffer | null
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
    sessionKey: readKey(env),
  }
}

/** Reads the key, or the file that has it. It is never shown, not even a wrong one. */
function readKey({ EXECUTOR_MANAGER_SESSION_KEY: given }: Environment): Buffer | null {
  if (!given) return null
  const name = 'EXECUTOR_MANAGER_SESSION_KEY'
  const key = parseKey(given.startsWith('/') && !isBase64(given) ? readText(name, given) : given)
  if (key) return key
  const expected = '32 bytes in hex or base64, or the path of a file with them'
  throw new ManagerError('CONFIG_INVALID', `${name} is not ${expected} (openssl rand -hex 32)`)
}

/** Base64 may begin with a slash, too. */
const isBase64 = (text: string): boolean => /^[\w+/-]{43}=?$/.test(text)

function parseKey(text: string): Buffer | null {
  const trimmed = text.trim()
  if (/^[0-9a-f]{64}$/i.test(trimmed)) return Buffer.from(trimmed, 'hex')
  const key = isBase64(trimmed) ? Buffer.from(trimmed, 'base64') : null
  return key?.length === 32 ? key : null
}

function readText(name: string, file: string): string {
  try {
    return readFileSync(file, 'latin1')
  } catch (error) {
    const why = (error as NodeJS.ErrnoException).code
    throw new ManagerError('CONFIG_INVALID', `${name}: the file ${file} cannot be read: ${why}`)
  }
}
