/** Builds the template `workspace` beside a service that runs. */
import { type ChildProcess, spawn } from 'node:child_process'
import { once } from 'node:events'
import { accessSync, constants, statfsSync } from 'node:fs'
import path from 'node:path'
import { setTimeout as sleep } from 'node:timers/promises'
import type { Logger } from 'pino'
import type { Config } from './config.ts'
import { scaledMs } from './lib/time-scale.ts'
import type { LocalSessions } from './sessions/local-sessions.ts'

/** The template of the project for sessions that name none. */
export const WORKSPACE = 'workspace'

/** The first minutes of a service belong to its callers; who only tries it out is gone by then. */
const FIRST_LOOK_MS = 20_000
const LOOK_MS = 1000
/** What a build takes while it goes on, with EROFS images. */
const DISK_BYTES = 3e9
/** How long a stop waits for it to remove what it has made. */
const STOP_MS = scaledMs(3000)
const ERROR_CHARACTERS = 500

export type WorkspaceSettings = Pick<Config, 'projectDir' | 'home' | 'buildsWorkspace'>

/**
 * The build, in a process of its own: the lowest priority for all that it starts, and no moment of this one's. It is
 * tried once; a session that names the template builds it as well.
 */
export class WorkspaceBuild {
  readonly #settings: WorkspaceSettings
  readonly #log: Logger
  readonly #stopping = new AbortController()
  #child: ChildProcess | null = null
  #gone: Promise<void> | null = null

  constructor(settings: WorkspaceSettings, log: Logger) {
    this.#settings = settings
    this.#log = log
  }

  /** Sees to it that the template is there, and a sandbox of it ready for a session. Never rejects. */
  async prepare(sessions: LocalSessions, isQuiet: () => boolean): Promise<void> {
    const isThere = sessions.defaultTemplate() === WORKSPACE
    const mayBuild = this.#settings.buildsWorkspace && !isThere
    if (!isThere && !(mayBuild && (await this.#run(isQuiet)))) return
    await sessions
      .prepare(WORKSPACE)
      .catch((err: Error) => this.#log.warn({ err }, 'template workspace not served to sessions'))
  }

  /** Waits until the service is quiet, and builds. @returns whether it is built */
  async #run(isQuiet: () => boolean): Promise<boolean> {
    const { signal } = this.#stopping
    const wait = (ms: number) => sleep(ms, true, { signal, ref: false }).catch(() => false)
    if (!(await wait(FIRST_LOOK_MS))) return false
    while (!isQuiet()) if (!(await wait(LOOK_MS))) return false
    if (!this.#hasRoom()) {
      const what =
        'template workspace not built: its data folder has less than 3 GB free, or cannot be written'
      this.#log.info(what)
      return false
    }
    const began = performance.now()
    this.#log.info('building the template workspace for sessions, in the background')
    const failure = await this.#build().catch((error: Error) => error.message)
    if (signal.aborted) return false
    if (failure !== null) {
      const hint = 'see: executor-manager template build workspace'
      this.#log.warn({ why: failure }, `template workspace not built; ${hint}`)
      return false
    }
    const seconds = Math.round((performance.now() - began) / 1000)
    this.#log.info({ seconds }, 'template workspace ready for sessions')
    return true
  }

  /** Ends it. */
  stop(): void {
    this.#stopping.abort()
    this.#gone ??= this.#end()
  }

  /** Resolves when one that was stopped has removed what it made, or after 3 s. */
  get gone(): Promise<void> {
    return this.#gone ?? Promise.resolve()
  }

  async #end(): Promise<void> {
    const child = this.#child
    if (!child || child.exitCode !== null || child.signalCode !== null) return
    const gone = once(child, 'exit')
    child.kill('SIGTERM')
    await Promise.race([gone, sleep(STOP_MS, null, { ref: false })])
  }

  #hasRoom(): boolean {
    const { home } = this.#settings
    try {
      accessSync(home, constants.W_OK)
      const { bavail, bsize } = statfsSync(home)
      return bavail * bsize >= DISK_BYTES
    } catch {
      return false
    }
  }

  /** @returns null when it is built, else why not. @throws Error when it cannot be started */
  async #build(): Promise<string | null> {
    const { projectDir, home } = this.#settings
    // Should this process be killed, the kernel tells the child: it never goes on alone.
    const words = ['--pdeathsig', 'TERM', '--', 'nice', '-n', '19', process.execPath]
    const bootstrap = path.join(projectDir, 'scripts', 'bootstrap.mjs')
    const child = spawn('setpriv', [...words, bootstrap, 'template', 'build', WORKSPACE], {
      env: { ...process.env, EXECUTOR_MANAGER_HOME: home },
      stdio: ['ignore', 'ignore', 'pipe'],
    })
    this.#child = child
    let said = ''
    child.stderr.setEncoding('utf8').on('data', (text: string) => {
      said = (said + text).slice(-ERROR_CHARACTERS)
    })
    const [code, signal] = (await once(child, 'close')) as [number | null, string | null]
    if (code === 0) return null
    return said.trim().split('\n').at(-1) || `it ended with ${signal ?? `status ${code}`}`
  }
}
