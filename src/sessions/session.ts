import type { Channels } from '../supervisor/channels.ts'
import { Commands } from './commands.ts'
import type { KeptSandbox } from './engine.ts'
import { SessionGone } from './gone.ts'
import { SessionLifecycle, type SessionState } from './lifecycle.ts'
import type { IdleRules, SessionInfo, SessionRecord } from './types.ts'

/** What a session needs of those around it. */
export interface SessionHost {
  /** Makes its first sandbox. */
  create(session: Session): Promise<KeptSandbox>
  /** Takes a place in memory for it, and restores its sandbox. */
  restore(session: Session, channels: Channels): Promise<KeptSandbox>
  /** Writes the sandbox's state to disk, and gives its place back. */
  hibernate(session: Session, sandbox: KeptSandbox): Promise<void>
  /** Destroys a sandbox, and gives its place back. */
  release(sandbox: KeptSandbox): Promise<void>
  /** Removes all that is on disk of it. */
  forget(session: Session): Promise<void>
  /** Told of each state that it enters; must not throw. */
  changed(session: Session, why: string): void
}

/** How often an idle session is looked at. */
const LOOK_MS = 1000
/** Part of one processor below which processes count as idle. The kernel of a sandbox takes as much at rest. */
const IDLE_PROCESSOR_SHARE = 0.1

/**
 * A sandbox that a caller keeps. lifecycle.ts has its states. It is used between acquire() and the release that
 * acquire() returns; between uses it is frozen and then hibernated, each after the time that its rules say.
 */
export class Session {
  readonly record: SessionRecord
  readonly commands: Commands
  readonly #host: SessionHost
  readonly #lifecycle: SessionLifecycle
  #sandbox: KeptSandbox | null = null
  #channels: Channels | null
  #users = 0
  /** The transition that is under way; who wants to use the session waits for it. */
  #moving: Promise<void> = Promise.resolve()
  #idleSinceMs = performance.now()
  #cpuTimeMs = 0
  #look: NodeJS.Timeout | null = null
  #isLooking = false
  #why = ''
  #endedAtMs = 0

  /** @param channels of a hibernated session; null: it is new and has no sandbox yet */
  constructor(
    record: SessionRecord,
    host: SessionHost,
    channels: Channels | null = null,
    commands = new Commands(record.caller, null),
  ) {
    this.record = record
    this.commands = commands
    this.#host = host
    this.#channels = channels
    this.#lifecycle = new SessionLifecycle(channels ? 'hibernated' : 'creating')
  }

  get state(): SessionState {
    return this.#lifecycle.state
  }

  /** Why it is dead; empty while it is not. */
  get why(): string {
    return this.#why
  }

  /** When it died (performance.now()); 0 while it is not dead. */
  get endedAtMs(): number {
    return this.#endedAtMs
  }

  get idleSinceMs(): number {
    return this.#idleSinceMs
  }

  info(): SessionInfo {
    const { id, template, createdAtMs, expiresAtMs, metadata, idle } = this.record
    return { id, template, state: this.state, createdAtMs, expiresAtMs, metadata, idle }
  }

  /** Makes its first sandbox. */
  async begin(): Promise<void> {
    await this.#move(async () => {
      const sandbox = await this.#host.create(this)
      this.record.baseBytes = sandbox.baseBytes
      this.#attach(sandbox)
      this.#enter('ready', 'created')
    })
  }

  /**
   * Wakes it if it sleeps, and keeps it awake until the returned function is called.
   * @throws SessionGone, ManagerError when it cannot be woken now
   */
  async acquire(): Promise<{ channels: Channels; release: () => void }> {
    for (;;) {
      const { state } = this
      if (state === 'dead') throw new SessionGone(this.record.id, this.#why)
      if (state === 'ready' || state === 'busy') return this.#take()
      if (state === 'frozen') this.#thaw()
      else if (state === 'hibernated') await this.#wake()
      else await this.#moving
    }
  }

  /** Uses it for the time of some work. */
  async use<T>(work: (channels: Channels) => Promise<T>): Promise<T> {
    const { channels, release } = await this.acquire()
    try {
      return await work(channels)
    } finally {
      release()
    }
  }

  /** Moves its end, by use or by a call; it is never moved to an earlier time by use. */
  extend(expiresAtMs: number): void {
    this.record.expiresAtMs = expiresAtMs
  }

  /**
   * Writes it to disk now, if nobody uses it.
   * @param isUsed write it even if it is in use: who uses it is answered no more
   * @returns whether it is hibernated then
   */
  async hibernate(why: string, isUsed = false): Promise<boolean> {
    await this.#moving
    const canSleep = this.state === 'ready' || this.state === 'frozen'
    if (!canSleep && !(isUsed && this.state === 'busy')) return this.state === 'hibernated'
    const sandbox = this.#sandbox as KeptSandbox
    this.#enter('hibernating', why)
    await this.#move(async () => {
      await this.#host.hibernate(this, sandbox)
      this.#detach()
      this.#enter('hibernated', why)
    })
    return true
  }

  /** What has to be written down so that its channels can go on after a restart. */
  channelsState(): ReturnType<Channels['state']> {
    return this.#channels?.state() ?? []
  }

  /** Ends it and removes everything of it. */
  async kill(why: string): Promise<void> {
    const sandbox = this.#sandbox
    this.#die(why)
    if (sandbox) await this.#host.release(sandbox)
    await this.#host.forget(this)
  }

  async #wake(): Promise<void> {
    this.#enter('waking', 'used')
    await this.#move(async () => {
      const channels = this.#channels as Channels
      let sandbox: KeptSandbox
      try {
        sandbox = await this.#host.restore(this, channels)
      } catch (error) {
        // It stays on disk: the next use tries again.
        if (this.state === 'waking') this.#enter('hibernated', 'could not be woken')
        throw error
      }
      this.#attach(sandbox)
      this.#enter('ready', 'woken')
    })
  }

  /** Does one transition; a failure of its own ends the session, unless it has a state to fall back to. */
  async #move(step: () => Promise<void>): Promise<void> {
    const moving = step()
    this.#moving = moving.catch(() => {})
    try {
      await moving
    } catch (error) {
      if (this.state !== 'hibernated' && this.state !== 'dead') {
        await this.kill((error as Error).message).catch(() => {})
      }
      throw error
    }
  }

  #take(): { channels: Channels; release: () => void } {
    this.#users++
    if (this.state === 'ready') this.#enter('busy', 'used')
    let isReleased = false
    const release = () => {
      if (isReleased) return
      isReleased = true
      this.#users--
      if (this.#users > 0 || this.state !== 'busy') return
      this.#enter('ready', 'idle')
      this.#beginIdling()
    }
    return { channels: this.#channels as Channels, release }
  }

  #attach(sandbox: KeptSandbox): void {
    if (this.state === 'dead') {
      this.#host.release(sandbox).catch(() => {})
      throw new SessionGone(this.record.id, this.#why)
    }
    this.#sandbox = sandbox
    this.#channels = sandbox.channels
    this.#cpuTimeMs = sandbox.use().cpuTimeMs
    void sandbox.ended.then(() => {
      if (this.#sandbox !== sandbox || this.state === 'hibernating') return
      this.kill('its sandbox ended').catch(() => {})
    })
    this.#beginIdling()
    this.#look = setInterval(() => void this.#lookAtIt(), LOOK_MS)
    this.#look.unref()
  }

  #detach(): void {
    if (this.#look) clearInterval(this.#look)
    this.#look = null
    this.#sandbox = null
  }

  #beginIdling(): void {
    this.#idleSinceMs = performance.now()
  }

  #thaw(): void {
    this.#sandbox?.thaw()
    this.#enter('ready', 'used')
  }

  async #lookAtIt(): Promise<void> {
    const sandbox = this.#sandbox
    if (!sandbox || this.#isLooking) return
    this.#isLooking = true
    await this.#sleepIfIdle(sandbox).catch(() => {})
    this.#isLooking = false
  }

  async #sleepIfIdle(sandbox: KeptSandbox): Promise<void> {
    sandbox.look()
    const { state } = this
    const { freezeMs, hibernateMs }: IdleRules = this.record.idle
    if (state === 'ready' && this.#isBusyInside(sandbox)) this.#beginIdling()
    const idleMs = performance.now() - this.#idleSinceMs
    if (state === 'ready' && freezeMs !== null && idleMs >= freezeMs) {
      if (!(await sandbox.freeze())) return
      // Somebody may have come meanwhile.
      if (this.state === 'ready' && this.#users === 0) this.#enter('frozen', 'idle')
      else sandbox.thaw()
    } else if (
      (state === 'frozen' || state === 'ready') &&
      hibernateMs !== null &&
      idleMs >= hibernateMs
    ) {
      await this.hibernate('idle')
    }
  }

  /** Whether processes of it have computed since the last look. */
  #isBusyInside(sandbox: KeptSandbox): boolean {
    const { cpuTimeMs } = sandbox.use()
    const used = cpuTimeMs - this.#cpuTimeMs
    this.#cpuTimeMs = cpuTimeMs
    return used > IDLE_PROCESSOR_SHARE * LOOK_MS
  }

  #die(why: string): void {
    if (this.state === 'dead') return
    this.#why = why
    this.#endedAtMs = performance.now()
    this.#detach()
    this.commands.close()
    this.#enter('dead', why)
  }

  #enter(state: SessionState, why: string): void {
    this.#lifecycle.enter(state)
    this.#host.changed(this, why)
  }
}
