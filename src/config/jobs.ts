/** What is kept for callers over restarts. */
import { ManagerError } from '../errors.ts'
import { type CallbackPolicy, parseCallbackPolicy } from '../jobs/callback-policy.ts'
import { SECRET } from '../jobs/signature.ts'
import type { WebhookSettings } from '../jobs/webhooks.ts'
import { MIB } from '../lib/units.ts'
import { duration, type Environment, integer, type Parser, setting, size } from './setting.ts'

export interface JobSettings {
  /** How long an accepted run is kept once it has ended. */
  readonly keepMs: number
  /** Bytes that the store may hold: of all callers, and of one. */
  readonly bytes: number
  readonly bytesPerOwner: number
  /** Accepted runs that may wait: of all callers, and of one. */
  readonly queued: number
  readonly queuedPerOwner: number
  readonly webhooks: WebhookSettings
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
    webhooks: {
      policy: setting(env, 'EXECUTOR_MANAGER_WEBHOOKS', PUBLIC, policy),
      secret: readSecret(env),
    },
  }
}

const PUBLIC: CallbackPolicy = { public: true, names: [], ranges: [] }

const policy: Parser<CallbackPolicy | null> = (text) => {
  const parsed = parseCallbackPolicy(text)
  const expected = 'none, or what may be called, like public,hooks.internal,10.1.2.0/24'
  return parsed !== null && 'wrong' in parsed ? { expected } : parsed
}

/** It is never shown, not even a wrong one. */
function readSecret({ EXECUTOR_MANAGER_WEBHOOK_SECRET: secret }: Environment): string | null {
  if (!secret) return null
  if (SECRET.test(secret)) return secret
  throw new ManagerError(
    'CONFIG_INVALID',
    'EXECUTOR_MANAGER_WEBHOOK_SECRET is not whsec_ and base64 of 24 to 64 bytes',
  )
}
