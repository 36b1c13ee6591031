import { readFileSync } from 'node:fs'
import { isIPv4 } from 'node:net'
import path from 'node:path'
import { parseArgs } from 'node:util'
import { parseNetworks } from './api/addresses.ts'
import { ApiKeys } from './api/api-keys.ts'
import type { RenewalSettings } from './engine/runsc/generation.ts'
import { ManagerError } from './errors.ts'
import { parseTimeScale, scaledMs } from './lib/time-scale.ts'
import { MIB, parseDurationMs, parseSizeBytes } from './lib/units.ts'
import { LINKS } from './network/address-block.ts'
import type { EgressSettings } from './network/egress.ts'
import { type EgressPolicy, parseEgressAllow } from './network/egress-policy.ts'
import type { RunLimits } from './run/types.ts'
import { POLICY_MODES, type PolicyMode } from './runtimes/code-policy.ts'
import { loadRuntimes } from './runtimes/definition.ts'
import { leanVariant } from './runtimes/lean.ts'
import { defaultHome } from './setup/home.ts'
import { type Machine, readMachine } from './setup/machine.ts'
import {
  parseReleaseSource,
  type ReleaseSource,
  type RunscChoice,
  readRunscChoice,
} from './setup/runsc-choice.ts'
import { sizesFor } from './sizes.ts'

export interface Config {
  readonly projectDir: string
  /** Where images, snapshots and downloaded binaries live. */
  readonly home: string
  /** Which runsc is used, and where one is downloaded from. */
  readonly runsc: RunscChoice
  readonly host: string
  readonly port: number
  readonly keys: ApiKeys
  /** Serve HTTPS with this certificate and key (PEM); null: HTTP. */
  /** Names that the service may be asked by without keys, besides localhost and addresses. */
  readonly hosts: readonly string[]
  /** Addresses and networks of proxies, whose X-Forwarded-For says who asks. */
  readonly trustedProxies: readonly string[]
  readonly tls: { readonly cert: Buffer; readonly key: Buffer } | null
  /** Whether the set-up may install packages of the distribution on this host. */
  readonly mayInstall: boolean
  /** Runs that a caller may start in a window of time; null: as many as it likes. */
  readonly rateLimit: { readonly runs: number; readonly windowMs: number } | null
  /** Ready executors kept per runtime. */
  readonly poolSize: number
  /** Executors of all runtimes alive at once, so that their limits fit into the memory. */
  readonly maxExecutors: number
  /** Whether programs that name no heavy library get a leaner executor, from a pool of its own. */
  readonly leanExecutors: boolean
  /** Whether executors are restored from snapshots; else every one is booted cold. */
  readonly snapshots: boolean
  /** Whether each key has pools and snapshots of its own. */
  readonly snapshotsPerKey: boolean
  /** When a snapshot is replaced by a new one; null: never. */
  readonly snapshotRenewal: RenewalSettings | null
  /** Executors made at once. */
  readonly parallelBoots: number
  /** How long a start may wait for the first executor of each runtime. */
  readonly startTimeoutMs: number
  /** How long a run may wait for an executor. */
  readonly queueWaitMs: number
  /** Runs that may wait for an executor at once. */
  readonly queueLength: number
  /** The share of that which one caller may have. */
  readonly queueLengthPerCaller: number
  /** Code and arguments that may wait at once: of all callers, and of one. */
  readonly queueBytes: number
  readonly queueBytesPerCaller: number
  readonly maxBodyBytes: number
  /** Request bodies that are held until an executor takes the run: of all callers, and of one. */
  readonly uploadBytes: number
  readonly uploadBytesPerCaller: number
  /** Answers that are held until they are read: of all callers, and of one. */
  readonly answerBytes: number
  readonly answerBytesPerCaller: number
  /** How long a stop lets running programs finish. */
  readonly drainMs: number
  readonly limits: RunLimits
  /** What sandboxes may reach; null: they have no network. */
  readonly egress: EgressSettings | null
  /** How code is inspected before it runs. */
  readonly codePolicy: PolicyMode
  /** Folder of an operator's own rules, or null. */
  readonly policyDir: string | null
  readonly logLevel: string
  /** Settings that are understood but have no effect here, for a line in the log. */
  readonly ignoredSettings: readonly string[]
}

/** What a runtime may set for itself. */
export type RuntimeLimits = {
  readonly [K in 'memoryBytes' | 'cpus' | 'processes' | 'workspaceBytes']?: number | undefined
}

type Environment = Readonly<Record<string, string | undefined>>

const MAX_BODY_BYTES = 16 * MIB

const LOG_LEVELS = ['fatal', 'error', 'warn', 'info', 'debug', 'silent']

/** The project's root folder. */
export function projectDir(): string {
  return path.dirname(import.meta.dirname)
}

/**
 * Reads all settings from the environment, the only place that does. An unset or empty variable
 * takes its default.
 * @param args of the command line: `--tls-cert FILE --tls-key FILE`, `--no-install`
 * @param machine what the sizes are derived from
 * @throws ManagerError CONFIG_INVALID that names the variable or the option
 */
export function readConfig(
  env: Environment,
  args: readonly string[] = [],
  machine: Pick<Machine, 'cores' | 'memoryBytes'> = readMachine(),
): Config {
  const root = projectDir()
  const limits: RunLimits = Object.freeze({
    wallTimeMs: setting(env, 'SANDBOX_TIMEOUT', 10_000, duration(100, 3_600_000)),
    memoryBytes: setting(env, 'SANDBOX_MAX_MEMORY', 256 * MIB, size(16 * MIB)),
    cpus: 1,
    processes: 64,
    openFiles: 1024,
    workspaceBytes: 100 * MIB,
    outputBytes: MIB,
    resultBytes: 10 * MIB,
    artifacts: 10,
    artifactBytes: 10 * MIB,
  })
  const host = setting(env, 'EXECUTOR_MANAGER_HOST', '127.0.0.1', nonEmpty)
  const keys = readKeys(env)
  refuseOpenDoor(env, host, keys)
  const snapshotsPerKey = readSnapshotsPerKey(env, keys)
  const queueLength = setting(env, 'EXECUTOR_MANAGER_QUEUE_LENGTH', 1000, integer(1, 100_000))
  const poolSize = setting(env, 'SANDBOX_EXECUTOR_MANAGER_POOL_SIZE', null, integer(1, 1000))
  setting(env, 'SANDBOX_ENABLE_SECCOMP', false, boolean)
  setting(env, 'EXECUTOR_MANAGER_TIME_SCALE', 1, timeScale)
  const egress = readEgress(env)
  const sizes = sizesFor({
    ...machine,
    ...countTemplates(root, snapshotsPerKey ? keys.count : null),
    runBytes: limits.memoryBytes + heldBytesPerRun(limits, MAX_BODY_BYTES),
    poolSize,
    most: egress ? MAX_NETWORKED_EXECUTORS : Number.POSITIVE_INFINITY,
  })
  return Object.freeze({
    projectDir: root,
    home: defaultHome(root, env),
    runsc: readRunsc(env),
    host,
    keys,
    hosts: setting(env, 'EXECUTOR_MANAGER_HOSTS', [], hostNames),
    trustedProxies: setting(env, 'EXECUTOR_MANAGER_TRUSTED_PROXIES', [], networks),
    ...readOptions(args),
    rateLimit: setting(env, 'EXECUTOR_MANAGER_RATE_LIMIT', null, rate),
    port: setting(env, 'SANDBOX_EXECUTOR_MANAGER_PORT', 9385, integer(0, 65_535)),
    ...sizes,
    leanExecutors: sizes.leanExecutors && !snapshotsPerKey,
    startTimeoutMs: setting(
      env,
      'EXECUTOR_MANAGER_START_TIMEOUT',
      scaledMs(180_000),
      duration(1000, 3_600_000),
    ),
    snapshots: setting(env, 'EXECUTOR_MANAGER_SNAPSHOTS', true, boolean),
    snapshotsPerKey,
    snapshotRenewal: readRenewal(env),
    queueWaitMs: setting(env, 'EXECUTOR_MANAGER_QUEUE_WAIT', 10_000, duration(1, 600_000)),
    queueLength,
    queueLengthPerCaller: Math.max(1, Math.floor(queueLength / 4)),
    queueBytes: 256 * MIB,
    queueBytesPerCaller: 64 * MIB,
    maxBodyBytes: MAX_BODY_BYTES,
    uploadBytes: 256 * MIB,
    uploadBytesPerCaller: 32 * MIB,
    answerBytes: answerBytes(machine.memoryBytes),
    answerBytesPerCaller: 128 * MIB,
    drainMs: 10_000,
    limits,
    egress,
    codePolicy: setting(env, 'SANDBOX_CODE_POLICY', 'balanced', oneOf(POLICY_MODES)),
    policyDir: env.EXECUTOR_MANAGER_POLICY_DIR
      ? path.resolve(env.EXECUTOR_MANAGER_POLICY_DIR)
      : null,
    logLevel: setting(env, 'EXECUTOR_MANAGER_LOG_LEVEL', 'info', oneOf(LOG_LEVELS)),
    ignoredSettings: ['SANDBOX_BASE_PYTHON_IMAGE', 'SANDBOX_BASE_NODEJS_IMAGE'].filter(
      (name) => env[name],
    ),
  })
}

function readRunsc(env: Environment): RunscChoice {
  setting(env, 'EXECUTOR_MANAGER_RUNSC_DOWNLOAD', null, releaseSource)
  return readRunscChoice(env)
}

/** @param keys each has pools of its own, and no lean ones; null: all share the pools */
function countTemplates(
  root: string,
  keys: number | null,
): { runtimes: number; leanRuntimes: number } {
  const runtimes = loadRuntimes(path.join(root, 'runtimes'))
  if (keys !== null) return { runtimes: runtimes.length * keys, leanRuntimes: 0 }
  return { runtimes: runtimes.length, leanRuntimes: runtimes.filter(leanVariant).length }
}

function readSnapshotsPerKey(env: Environment, keys: ApiKeys): boolean {
  const wanted = setting(env, 'EXECUTOR_MANAGER_SNAPSHOTS_PER_KEY', false, boolean)
  if (!wanted || keys.count > 0) return wanted
  throw new ManagerError(
    'CONFIG_INVALID',
    'EXECUTOR_MANAGER_SNAPSHOTS_PER_KEY is set, and there are no keys: set EXECUTOR_MANAGER_API_KEYS',
  )
}

function readOptions(args: readonly string[]): Pick<Config, 'tls' | 'mayInstall'> {
  const options = {
    'tls-cert': { type: 'string' },
    'tls-key': { type: 'string' },
    'no-install': { type: 'boolean' },
  } as const
  try {
    const { values } = parseArgs({ args: [...args], options, allowPositionals: false })
    const tls = readTls(values['tls-cert'], values['tls-key'])
    return { tls, mayInstall: !values['no-install'] }
  } catch (error) {
    if (error instanceof ManagerError) throw error
    throw new ManagerError('CONFIG_INVALID', (error as Error).message)
  }
}

function readTls(cert: string | undefined, key: string | undefined): Config['tls'] {
  if (cert === undefined && key === undefined) return null
  if (cert === undefined || key === undefined) {
    throw new ManagerError('CONFIG_INVALID', '--tls-cert and --tls-key go together')
  }
  return { cert: readPem('--tls-cert', cert), key: readPem('--tls-key', key) }
}

function readPem(option: string, file: string): Buffer {
  try {
    return readFileSync(file)
  } catch (error) {
    throw new ManagerError('CONFIG_INVALID', `${option}: ${(error as Error).message}`)
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

function refuseOpenDoor(env: Environment, host: string, keys: ApiKeys): void {
  const allowed = setting(env, 'SANDBOX_EXECUTOR_MANAGER_ALLOW_UNAUTHENTICATED', false, boolean)
  const loopback = host === 'localhost' || host === '::1' || /^127\./.test(host)
  if (loopback || keys.count > 0 || allowed) return
  throw new ManagerError(
    'CONFIG_INVALID',
    `EXECUTOR_MANAGER_HOST=${host} lets others in, and no key is asked for: set EXECUTOR_MANAGER_API_KEYS, or SANDBOX_EXECUTOR_MANAGER_ALLOW_UNAUTHENTICATED=true if something else guards the door`,
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

/** The limits of a runtime: the manager's, but for what the runtime sets itself. */
export function limitsOf(config: Config, overrides: RuntimeLimits): RunLimits {
  const given = Object.entries(overrides).filter(([, value]) => value !== undefined)
  return Object.freeze({ ...config.limits, ...Object.fromEntries(given) })
}

/** A setting that would open more than was meant is refused, never read kindly. */
function readEgress(env: Environment): EgressSettings | null {
  const network = setting(env, 'SANDBOX_NETWORK', 'none', oneOf(['none', 'egress'] as const))
  const policy = setting<EgressPolicy | null>(env, 'SANDBOX_EGRESS_ALLOW', null, (text) => {
    const parsed = parseEgressAllow(text)
    return 'wrong' in parsed ? { expected: `usable: ${parsed.wrong}` } : parsed
  })
  const nameServers = setting<readonly string[]>(env, 'SANDBOX_EGRESS_DNS', [], nameServerList)
  if (network === 'egress') return { policy, nameServers }
  for (const name of ['SANDBOX_EGRESS_ALLOW', 'SANDBOX_EGRESS_DNS']) {
    if (env[name]) {
      throw new ManagerError('CONFIG_INVALID', `${name} is set, and SANDBOX_NETWORK is not egress`)
    }
  }
  return null
}

/** Links that are being reset, or are kept ready, are not there for a sandbox. */
const MAX_NETWORKED_EXECUTORS = LINKS - 16

/** A share of the memory for answers that callers have not read. */
export function answerBytes(memoryBytes: number): number {
  return Math.min(1024 * MIB, Math.max(256 * MIB, Math.floor(memoryBytes / 16)))
}

/** What the manager itself may hold for a run: what it was sent, and what the program has said so far. */
export function heldBytesPerRun(limits: RunLimits, maxBodyBytes: number): number {
  const { outputBytes, resultBytes, artifacts, artifactBytes } = limits
  return maxBodyBytes + 2 * outputBytes + resultBytes + artifacts * artifactBytes
}

type Parser<T> = (text: string) => T | { readonly expected: string }

function setting<T>(env: Environment, name: string, byDefault: T, parse: Parser<T>): T {
  const text = env[name]
  if (text === undefined || text === '') return byDefault
  const value = parse(text)
  if (typeof value === 'object' && value !== null && 'expected' in value) {
    throw new ManagerError('CONFIG_INVALID', `${name}=${text} is not ${value.expected}`)
  }
  return value as T
}

const integer =
  (min: number, max: number): Parser<number> =>
  (text) => {
    const value = /^\d+$/.test(text.trim()) ? Number(text) : Number.NaN
    return value >= min && value <= max ? value : { expected: `a whole number, ${min} to ${max}` }
  }

const duration =
  (minMs: number, maxMs: number): Parser<number> =>
  (text) => {
    const ms = parseDurationMs(text)
    return ms !== null && ms >= minMs && ms <= maxMs
      ? ms
      : { expected: `a time like 10s or 1m30s, ${minMs} ms to ${maxMs / 1000} s` }
  }

const size =
  (minBytes: number): Parser<number> =>
  (text) => {
    const bytes = parseSizeBytes(text)
    return bytes !== null && bytes >= minBytes
      ? bytes
      : { expected: `a size like 256m or 1g, at least ${minBytes / MIB}m` }
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

const hostNames: Parser<readonly string[]> = (text) => {
  const names = text.split(',').map((part) => part.trim().toLowerCase())
  return names.every((name) => /^[a-z\d_-]+(\.[a-z\d_-]+)*$/.test(name))
    ? names
    : { expected: 'names of hosts, like executor.example.org,sandbox.internal' }
}

const networks: Parser<readonly string[]> = (text) => {
  const parsed = parseNetworks(text)
  return 'wrong' in parsed
    ? { expected: 'addresses or networks, like 10.0.0.1,192.168.0.0/16,fd00::/8' }
    : parsed
}

const nameServerList: Parser<readonly string[]> = (text) => {
  const servers = text.split(',').map((part) => part.trim())
  const fits = servers.every((server) => {
    const [address, port = '53', ...rest] = server.split(':')
    const isPort = /^\d{1,5}$/.test(port) && Number(port) >= 1 && Number(port) <= 65_535
    return isIPv4(address ?? '') && isPort && rest.length === 0
  })
  return fits
    ? servers
    : { expected: 'name servers, like 192.0.2.53 or 192.0.2.53:5353,192.0.2.54' }
}

/** Checked here, used by lib/time-scale.ts. */
const timeScale: Parser<number> = (text) =>
  parseTimeScale(text) ?? { expected: 'a factor of time limits, 1 to 1000' }

const releaseSource: Parser<ReleaseSource | null> = (text) => {
  const source = parseReleaseSource(text)
  return source === undefined
    ? { expected: 'latest, none, a release like 20260905 or an https address' }
    : source
}

const boolean: Parser<boolean> = (text) => {
  if (/^(true|1|yes|on)$/i.test(text)) return true
  if (/^(false|0|no|off)$/i.test(text)) return false
  return { expected: 'true or false' }
}

const nonEmpty: Parser<string> = (text) => text.trim() || { expected: 'a host name or address' }

const oneOf =
  <T extends string>(choices: readonly T[]): Parser<T> =>
  (text) =>
    choices.find((choice) => choice === text) ?? { expected: `one of ${choices.join(', ')}` }
