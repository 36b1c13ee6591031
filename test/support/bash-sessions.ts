import { mkdtempSync, rmSync } from 'node:fs'
import { tmpdir } from 'node:os'
import path from 'node:path'
import { text } from 'node:stream/consumers'
import { afterAll, beforeAll } from 'vitest'
import { projectDir, readConfig } from '../../src/config.ts'
import { RunscEngine } from '../../src/engine/runsc/engine.ts'
import type { InstalledRuntime } from '../../src/engine/runsc/installation.ts'
import { probePlatform } from '../../src/engine/runsc/platform.ts'
import { MIB } from '../../src/lib/units.ts'
import type { SandboxTemplates } from '../../src/sessions/engine.ts'
import { LocalSessions } from '../../src/sessions/local-sessions.ts'
import { Shelf } from '../../src/sessions/shelf.ts'
import type { IdleRules, SessionInfo } from '../../src/sessions/types.ts'
import { SESSION_ENV, SESSION_HOME, SESSION_USER } from '../../src/sessions/user.ts'
import { ensureInstallation } from '../../src/setup/install.ts'
import { ENDLESS_PLACES } from './places.ts'
import { templatesOf } from './session-templates.ts'

/** The data folder. */
export const home = mkdtempSync(path.join(tmpdir(), 'sessions-'))
const LIMITS = {
  memoryBytes: 256 * MIB,
  cpus: 1,
  processes: 64,
  openFiles: 256,
  workspaceBytes: 64 * MIB,
}
let engine: RunscEngine
let templates: SandboxTemplates
/** Those of the present manager. */
export let sessions: LocalSessions
/** How many sandboxes are in memory. */
export let places = 0
export const states: string[] = []

/** Opens the sessions that are on disk, as the next manager does. */
export function open(saveEveryMs: number | null = null): void {
  sessions = new LocalSessions(
    templates,
    {
      ...ENDLESS_PLACES,
      tryEnter: () => places < 3 && places++ >= 0,
      left: () => places--,
    },
    new Shelf(path.join(home, 'sessions'), true),
    { perCaller: 4, inAll: 6, saveEveryMs },
    { changed: ({ state }, why) => states.push(`${state}: ${why}`), notWritten: () => {} },
  )
}

/** Opens an engine with sandboxes of bash for the tests of a file. */
export function useBashSessions(): void {
  beforeAll(async () => {
    const config = readConfig(process.env)
    const runtimes = path.join(projectDir(), 'runtimes')
    const installation = await ensureInstallation(
      config.home,
      runtimes,
      () => {},
      config.runsc,
      config.mayInstall,
    )
    const bash = installation.runtimes.find(({ runtime }) => runtime.name === 'bash')
    const { rootfs } = bash as InstalledRuntime
    const platform = await probePlatform({ ...installation, rootfs, home: config.home })
    const ignored = () => {}
    const events = new Proxy({} as Parameters<typeof RunscEngine.open>[4], { get: () => ignored })
    engine = await RunscEngine.open(installation, platform, null, null, events, {
      isShort: () => false,
    })
    const sandboxes = engine.sessionsFor(bash as InstalledRuntime, { ...config.limits, ...LIMITS })
    templates = templatesOf(new Map([['bash', sandboxes]]))
    open()
  })
  afterAll(async () => {
    await sessions.stop()
    await engine.close()
    rmSync(home, { recursive: true })
  })
}

/** Creates a session that sleeps only when it is told to. */
export function create(idle: Partial<IdleRules> = {}, caller = 'one'): Promise<SessionInfo> {
  return sessions.create({
    caller,
    template: 'bash',
    env: { WORD: 'given' },
    metadata: {},
    idle: { freezeMs: null, hibernateMs: null, ...idle },
    ttlMs: 60_000,
  })
}

/** Runs a line of bash in a session. */
export async function bash(id: string, line: string, caller = 'one'): Promise<string> {
  const use = await sessions.use(caller, id)
  if (!use) throw new Error('no such session')
  try {
    const started = await use.channels.start({
      argv: ['bash', '-c', line],
      cwd: SESSION_HOME,
      env: { ...SESSION_ENV, ...use.env },
      user: SESSION_USER,
    })
    started.stdin.end()
    const [stdout, stderr] = await Promise.all([
      text(started.stdout),
      text(started.stderr),
      started.exited,
    ])
    return stdout + stderr
  } finally {
    use.release()
  }
}

export const stateOf = (id: string, caller = 'one') => sessions.get(caller, id)?.state
