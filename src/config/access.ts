/** Settings for callers: keys, host names and rates. */
import { readFileSync } from 'node:fs'
import { parseNetworks } from '../api/addresses.ts'
import { ApiKeys } from '../api/api-keys.ts'
import { DOORS, type Door } from '../api/doors.ts'
import { UserTokens } from '../api/user-tokens.ts'
import { ManagerError } from '../errors.ts'
import { parseDurationMs } from '../lib/units.ts'
import { boolean, type Environment, nonEmpty, type Parser, setting } from './setting.ts'

/** What of the configuration says who may ask. */
export interface AccessSettings {
  readonly host: string
  readonly keys: ApiKeys
  /** Checks the tokens of LibreChat's users; null: none are taken. */
  readonly userTokens: UserTokens | null
  /** Names that the service may be asked by without keys, besides localhost and addresses. */
  readonly hosts: readonly string[]
  /** Of the hosts `<port>-<id>.<domain>` of E2B's sandboxes, in lower case; null: there are none. */
  readonly sandboxDomain: string | null
  /** Addresses and networks of proxies, whose X-Forwarded-For says who asks. */
  readonly trustedProxies: readonly string[]
  /** The front doors that are open. */
  readonly doors: ReadonlySet<Door>
  /** Runs that a caller may start in a window of time; null: as many as it likes. */
  readonly rateLimit: { readonly runs: number; readonly windowMs: number } | null
}

/**
 * Reads who may ask.
 * @throws ManagerError CONFIG_INVALID, also when others than this machine could ask without a key
 */
export function readAccess(env: Environment): AccessSettings {
  const host = setting(env, 'EXECUTOR_MANAGER_HOST', '127.0.0.1', nonEmpty)
  const keys = readKeys(env)
  refuseOpenDoor(env, host, keys)
  return {
    host,
    keys,
    userTokens: readUserTokens(env),
    hosts: setting(env, 'EXECUTOR_MANAGER_HOSTS', [], hostNames),
    sandboxDomain: setting(env, 'EXECUTOR_MANAGER_E2B_DOMAIN', null, domainName),
    trustedProxies: setting(env, 'EXECUTOR_MANAGER_TRUSTED_PROXIES', [], networks),
    doors: new Set(setting(env, 'EXECUTOR_MANAGER_DOORS', DOORS, doorNames)),
    rateLimit: setting(env, 'EXECUTOR_MANAGER_RATE_LIMIT', null, rate),
  }
}

/** Keys are never shown, not even a wrong one. */
function readKeys(env: Environment): ApiKeys {
  const { EXECUTOR_MANAGER_API_KEYS: pairs = '', SANDBOX_EXECUTOR_MANAGER_API_TOKEN: token } = env
  // The one token of RAGFlow's own executor manager is a key like any other.
  const keys = ApiKeys.parse(token ? `${pairs},ragflow:${token.trim()}` : pairs)
  if (keys instanceof ApiKeys) return keys
  throw new ManagerError(
    'CONFIG_INVALID',
    `EXECUTOR_MANAGER_API_KEYS (name:key,name:key) or SANDBOX_EXECUTOR_MANAGER_API_TOKEN, the last entry, cannot be used: ${keys.wrong}; a key has 16 characters or more`,
  )
}

/** Read at the start: a new key needs a restart, as all settings do. */
function readUserTokens(env: Environment): UserTokens | null {
  const name = 'EXECUTOR_MANAGER_LIBRECHAT_JWT_KEY'
  const file = setting(env, name, null, nonEmpty)
  if (file === null) return null
  const wrong = (what: string) => new ManagerError('CONFIG_INVALID', `${name}=${file} ${what}`)
  let text: string
  try {
    text = readFileSync(file, 'utf8')
  } catch (error) {
    throw wrong(`cannot be read: ${(error as Error).message}`)
  }
  const tokens = UserTokens.parse(text)
  if ('wrong' in tokens) throw wrong(tokens.wrong)
  return tokens
}

function refuseOpenDoor(env: Environment, host: string, keys: ApiKeys): void {
  const allowed = setting(env, 'SANDBOX_EXECUTOR_MANAGER_ALLOW_UNAUTHENTICATED', false, boolean)
  const loopback = host === 'localhost' || host === '::1' || /^127\./.test(host)
  if (loopback || keys.count > 0 || allowed) return
  throw new ManagerError(
    'CONFIG_INVALID',
    `EXECUTOR_MANAGER_HOST=${host} lets others in, and no key is asked for: set EXECUTOR_MANAGER_API_KEYS, or SANDBOX_EXECUTOR_MANAGER_ALLOW_UNAUTHENTICATED=true if something else guards the door`,
  )
}

const rate: Parser<{ runs: number; windowMs: number }> = (text) => {
  const [runs, window, ...rest] = text.split('/')
  const count = /^\d+$/.test(runs ?? '') ? Number(runs) : 0
  const windowMs = parseDurationMs(/^\d/.test(window ?? '') ? (window ?? '') : `1${window}`)
  if (count < 1 || windowMs === null || rest.length > 0) {
    return { expected: 'runs per time, like 100/1m or 10/s' }
  }
  return { runs: count, windowMs }
}

const doorNames: Parser<readonly Door[]> = (text) => {
  const names = text.split(',').map((part) => part.trim())
  const known = DOORS.filter((door) => names.includes(door))
  const expected = `front doors, like ${DOORS.join(',')}`
  return names.every((name) => DOORS.some((door) => door === name)) ? known : { expected }
}

const hostNames: Parser<readonly string[]> = (text) => {
  const names = text.split(',').map((part) => part.trim().toLowerCase())
  return names.every((name) => /^[a-z\d_-]+(\.[a-z\d_-]+)*$/.test(name))
    ? names
    : { expected: 'names of hosts, like executor.example.org,sandbox.internal' }
}

const domainName: Parser<string> = (text) => {
  const name = text.trim().toLowerCase()
  const isDomain = /^[a-z\d-]+(\.[a-z\d-]+)*(:\d{1,5})?$/.test(name)
  return isDomain ? name : { expected: 'a domain, like sandboxes.example.org or localhost:9385' }
}

const networks: Parser<readonly string[]> = (text) => {
  const parsed = parseNetworks(text)
  return 'wrong' in parsed
    ? { expected: 'addresses or networks, like 10.0.0.1,192.168.0.0/16,fd00::/8' }
    : parsed
}
