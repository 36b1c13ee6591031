import path from 'node:path'
import { type AccessSettings, readAccess } from './config/access.ts'
import { type JobSettings, readJobs } from './config/jobs.ts'
import { readEgress } from './config/network.ts'
import { type Options, readOptions } from './config/options.ts'
import { readSessions, type SessionSettings } from './config/sessions.ts'
import {
  boolean,
  duration,
  type Environment,
  integer,
  oneOf,
  type Parser,
  setting,
  size,
} from './config/setting.ts'
import { readSnapshots, type SnapshotSettings } from './config/snapshots.ts'
import { ManagerError } from './errors.ts'
import { parseTimeScale, scaledMs } from './lib/time-scale.ts'
import { MIB } from './lib/units.ts'
import { LINKS } from './network/address-block.ts'
import type { EgressSettings } from './network/egress.ts'
import { sizesFor } from './pool-sizes.ts'
import type { RunLimits } from './run/types.ts'
import { POLICY_MODES, type PolicyMode } from './runtimes/code-policy.ts'
import { loadRuntimes } from './runtimes/definition.ts'
import { leanVariant } from './runtimes/lean.ts'
import { richVariant } from './runtimes/rich.ts'
import { defaultHome } from './setup/home.ts'
import { type Machine, readMachine } from './setup/machine.ts'
import {
  parseReleaseSource,
  type ReleaseSource,
  type RunscChoice,
  readRunscChoice,
} from './setup/runsc-choice.ts'

/** All settings, as the parts of the service read them. */
export interface Config extends Options, AccessSettings, SnapshotSettings, SessionSettings {
  readonly projectDir: string
  /** Where images, snapshots and downloaded binaries live. */
  readonly home: string
  /** Which runsc is used, and where one is downloaded from. */
  readonly runsc: RunscChoice
  readonly port: number
  /** Ready executors kept per runtime. */
  readonly poolSize: number
  /** Executors of all runtimes alive at once, so that their limits fit into the memory. */
  readonly maxExecutors: number
  /** Whether programs that name no heavy library get a leaner executor, from a pool of its own. */
  readonly leanExecutors: boolean
  /** Whether programs that name certain libraries get an executor with these loaded, from a pool of its own. */
  readonly richExecutors: boolean
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
  /** What is kept for callers over restarts. */
  readonly jobs: JobSettings
  readonly logLevel: string
  /** Settings that are understood but have no effect here, for a line in the log. */
  readonly ignoredSettings: readonly string[]
}

/** What a runtime may set for itself. */
export type RuntimeLimits = {
  readonly [K in 'memoryBytes' | 'cpus' | 'processes' | 'workspaceBytes']?: number | undefined
}

const MAX_BODY_BYTES = 16 * MIB

const LOG_LEVELS = ['fatal', 'error', 'warn', 'info', 'debug', 'silent']

/** Returns the project's root folder. */
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
  const access = readAccess(env)
  const keys = access.keys.count
  const snapshots = readSnapshots(env, keys)
  if (snapshots.snapshotsPerKey && access.userTokens) {
    const said =
      'EXECUTOR_MANAGER_SNAPSHOTS_PER_KEY has pools for keys only: unset EXECUTOR_MANAGER_LIBRECHAT_JWT_KEY'
    throw new ManagerError('CONFIG_INVALID', said)
  }
  const queueLength = setting(env, 'EXECUTOR_MANAGER_QUEUE_LENGTH', 1000, integer(1, 100_000))
  const poolSize = setting(env, 'SANDBOX_EXECUTOR_MANAGER_POOL_SIZE', null, integer(1, 1000))
  setting(env, 'SANDBOX_ENABLE_SECCOMP', false, boolean)
  // Checked here, used by lib/time-scale.ts and setup/runsc-choice.ts.
  setting(env, 'EXECUTOR_MANAGER_TIME_SCALE', 1, timeScale)
  setting(env, 'EXECUTOR_MANAGER_RUNSC_DOWNLOAD', null, releaseSource)
  const egress = readEgress(env)
  const sizes = sizesFor({
    ...machine,
    ...countTemplates(root, snapshots.snapshotsPerKey ? keys : null),
    runBytes: limits.memoryBytes + heldBytesPerRun(limits, MAX_BODY_BYTES),
    poolSize,
    most: egress ? MAX_NETWORKED_EXECUTORS : Number.POSITIVE_INFINITY,
  })
  return Object.freeze({
    projectDir: root,
    home: defaultHome(root, env),
    runsc: readRunscChoice(env),
    ...access,
    ...readOptions(args),
    port: setting(env, 'SANDBOX_EXECUTOR_MANAGER_PORT', 9385, integer(0, 65_535)),
    ...sizes,
    leanExecutors: sizes.leanExecutors && !snapshots.snapshotsPerKey,
    richExecutors: sizes.richExecutors && !snapshots.snapshotsPerKey,
    startTimeoutMs: setting(
      env,
      'EXECUTOR_MANAGER_START_TIMEOUT',
      scaledMs(180_000),
      duration(1000, 3_600_000),
    ),
    ...snapshots,
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
    jobs: readJobs(env),
    ...readSessions(env),
    logLevel: setting(env, 'EXECUTOR_MANAGER_LOG_LEVEL', 'info', oneOf(LOG_LEVELS)),
    ignoredSettings: ['SANDBOX_BASE_PYTHON_IMAGE', 'SANDBOX_BASE_NODEJS_IMAGE'].filter(
      (name) => env[name],
    ),
  })
}

/** @param keys each has pools of its own, and no lean ones; null: all share the pools */
function countTemplates(
  root: string,
  keys: number | null,
): { runtimes: number; leanRuntimes: number; richRuntimes: number } {
  const runtimes = loadRuntimes(path.join(root, 'runtimes'))
  if (keys !== null) return { runtimes: runtimes.length * keys, leanRuntimes: 0, richRuntimes: 0 }
  return {
    runtimes: runtimes.length,
    leanRuntimes: runtimes.filter(leanVariant).length,
    richRuntimes: runtimes.filter(richVariant).length,
  }
}

/** Returns the limits of a runtime: the manager's, but for what the runtime sets itself. */
export function limitsOf(config: Config, overrides: RuntimeLimits): RunLimits {
  const given = Object.entries(overrides).filter(([, value]) => value !== undefined)
  return Object.freeze({ ...config.limits, ...Object.fromEntries(given) })
}

/** Links that are being reset, or are kept ready, are not there for a sandbox. */
const MAX_NETWORKED_EXECUTORS = LINKS - 16

/** Returns a share of the memory for answers that callers have not read. */
export function answerBytes(memoryBytes: number): number {
  return Math.min(1024 * MIB, Math.max(256 * MIB, Math.floor(memoryBytes / 16)))
}

/** Returns what the manager itself may hold for a run: what it was sent, and what the program has said so far. */
export function heldBytesPerRun(limits: RunLimits, maxBodyBytes: number): number {
  const { outputBytes, resultBytes, artifacts, artifactBytes } = limits
  return maxBodyBytes + 2 * outputBytes + resultBytes + artifacts * artifactBytes
}

const timeScale: Parser<number> = (text) =>
  parseTimeScale(text) ?? { expected: 'a factor of time limits, 1 to 1000' }

const releaseSource: Parser<ReleaseSource | null> = (text) => {
  const source = parseReleaseSource(text)
  return source === undefined
    ? { expected: 'latest, none, a release like 20260905 or an https address' }
    : source
}
