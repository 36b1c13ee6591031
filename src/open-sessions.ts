/** What sessions stand on: the engine's sandboxes, the places of all pools, and the data folder. */
import { existsSync, readdirSync, statfsSync } from 'node:fs'
import path from 'node:path'
import type { Logger } from 'pino'
import type { Config } from './config.ts'
import type { RunscEngine } from './engine/runsc/engine.ts'
import type { Installation } from './engine/runsc/installation.ts'
import { ManagerError } from './errors.ts'
import type { CapacityLimit } from './pool/capacity-limit.ts'
import type { ExecutorCount } from './pool/pools.ts'
import { SessionTemplates } from './session-templates.ts'
import type { OutputAccounts } from './sessions/commands.ts'
import { DiskAccounts, type DiskLimits } from './sessions/disk.ts'
import type { Sealing } from './sessions/images.ts'
import { assertNoneSealed, sealOf } from './sessions/key-check.ts'
import { LocalSessions } from './sessions/local-sessions.ts'
import type { Places } from './sessions/residence.ts'
import { Shelf } from './sessions/shelf.ts'
import { readMachine } from './setup/machine.ts'
import type { DescribedTemplates } from './templates/described.ts'

/** What runs need at the moment. */
export interface RunDemand {
  /** Whether runs wait for executors. */
  runsWait(): boolean
  /** Whether they do, or a pool has fewer executors than it keeps. */
  isShort(): boolean
}

/**
 * Opens the sessions of a manager, with those that an earlier one left on disk; null where the settings have none.
 * To be called before a pool makes its first executor.
 */
export async function openSessions(
  config: Config,
  log: Logger,
  engine: RunscEngine,
  installation: Installation,
  described: DescribedTemplates,
  capacity: CapacityLimit,
  outputs: OutputAccounts,
  demand: RunDemand,
): Promise<LocalSessions | null> {
  if (config.sessionsPerCaller === 0) return null
  const templates = new SessionTemplates(config, log, engine, installation, described)
  await templates.open()
  // A manager on a port that nobody knows leaves nothing for another one.
  const { home, port } = config
  const plain = path.join(home, 'sessions', port === 0 ? `of-${process.pid}` : String(port))
  const { folder, sealing } = sealingOf(config, log, engine, plain)
  const disk = new DiskAccounts({ bytes: Infinity, bytesPerCaller: Infinity })
  const sessions: LocalSessions = new LocalSessions(
    templates,
    placesOf(capacity, demand, config.limits.memoryBytes, () => sessions.yieldReady()),
    new Shelf(folder, port !== 0, disk, sealing),
    {
      perCaller: config.sessionsPerCaller,
      inAll: 8 * config.sessionsPerCaller,
      outputs,
      saveEveryMs: config.sessionSaveMs,
      disk,
      ready: {
        size: config.readySessions,
        mayMake: () => !demand.isShort(),
        failed: (template, err) =>
          log.warn({ template, err }, 'no sandbox made ready for sessions'),
      },
    },
    {
      changed: ({ id, state }, why) =>
        log.debug({ session: id.slice(0, 6), state, why }, 'session'),
      notWritten: ({ id }, err) => {
        const isQuota = err.cause instanceof ManagerError && err.cause.code === 'HELD_TOO_MUCH'
        const tell = isQuota ? log.debug.bind(log) : log.error.bind(log)
        tell({ session: id.slice(0, 6), err }, 'session not written to disk')
      },
    },
  )
  const { found, lost, dropped } = sessions.load()
  disk.limits = diskLimits(config, disk.total)
  if (found > 0) log.info({ sessions: found }, 'sessions of an earlier start are on disk')
  if (lost > 0) {
    log.warn({ sessions: lost }, 'sessions were in memory when an earlier manager was killed')
  }
  if (dropped > 0) {
    log.warn(
      { sessions: dropped },
      'sessions of an earlier start cannot be restored by this version',
    )
  }
  return sessions
}

/**
 * Returns where sessions lie, and what they are encrypted with. Encrypted ones have a folder of their own, so that
 * nobody can put one that is not encrypted among them.
 * @param plain where they lie without a key
 * @throws ManagerError CONFIG_INVALID, SETUP_FAILED
 */
function sealingOf(
  { sessionKey }: Config,
  log: Logger,
  engine: RunscEngine,
  plain: string,
): { folder: string; sealing: Sealing | null } {
  const sealed = `${plain}-encrypted`
  if (!sessionKey) {
    assertNoneSealed(sealed)
    return { folder: plain, sealing: null }
  }
  if (existsSync(plain) && readdirSync(plain).length > 0) {
    log.warn({ folder: plain }, 'sessions of a start without a key lie unencrypted there, unused')
  }
  const seal = sealOf(sealed, sessionKey)
  return { folder: sealed, sealing: { seal, workFolder: engine.makeMemoryFolder() } }
}

/**
 * Returns what sessions may take on disk. By default in all a half of what is free or theirs already.
 * @param kept what they take now
 */
function diskLimits(config: Config, kept: number): DiskLimits {
  const { sessionDiskBytes, sessionDiskBytesPerCaller, home } = config
  const { bavail, bsize } = statfsSync(home)
  const bytes = sessionDiskBytes ?? Math.floor((bavail * bsize + kept) / 2)
  return { bytes, bytesPerCaller: sessionDiskBytesPerCaller ?? Math.floor(bytes / 4) }
}

/** Counts the sandboxes that wait for sessions as ready ones of pools. */
export function readyCounts(sessions: LocalSessions | null): ExecutorCount[] {
  const counts = sessions?.readyCounts() ?? []
  return counts.map(({ template, count }) => ({
    pool: `session-${template}`,
    state: 'ready',
    count,
  }))
}

/**
 * Returns the places of sessions. A session takes that of an executor while it is in memory, and more where it may
 * hold more than a run. None is kept free for it.
 * @param yieldReady gives up a place of a sandbox that no session has yet
 */
function placesOf(
  capacity: CapacityLimit,
  demand: RunDemand,
  runBytes: number,
  yieldReady: () => void,
): Places {
  const machine = readMachine()
  let tell = () => {}
  let change = Promise.resolve()
  const renew = () => {
    const former = tell
    change = new Promise((resolve) => {
      tell = resolve
    })
    former()
  }
  renew()
  const member = capacity.join(0, renew)
  capacity.onShort = (short) => {
    if (short !== member) yieldReady()
  }
  return {
    // One that may hold more than all of them finds room where no other is.
    needed: (bytes) => Math.min(Math.ceil(bytes / runBytes), capacity.mostOf(member)),
    get most() {
      return capacity.mostOf(member)
    },
    tryEnter: (count, bytes) =>
      machine.freeMemoryBytes() >= bytes && capacity.tryEnter(member, count),
    get isMakingMost() {
      return capacity.isMakingMost
    },
    get isWanted() {
      return (demand.runsWait() && capacity.isFull) || machine.freeMemoryBytes() < runBytes
    },
    changed: () => change,
    made: () => capacity.made(),
    left: (count) => capacity.left(member, count),
  }
}
