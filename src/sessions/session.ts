import type { ManagerError } from '../errors.ts'
import { once } from '../lib/once.ts'
import type { Channels } from '../supervisor/channels.ts'
import { CheckpointRefused, type KeptSandbox } from './engine.ts'
import { SessionGone, SessionLost } from './gone.ts'
import { IdleWatch } from './idle-watch.ts'
import type { SessionState } from './lifecycle.ts'
import { Refusal } from './refusal.ts'
import { SessionBase } from './session-base.ts'
import type { Checkpoint } from './shelf.ts'

const ENDED = 'its sandbox ended'

/**
 * A sandbox that a caller keeps. lifecycle.ts has its states. It is used between acquire() and the release that
 * acquire() returns; between uses it is frozen and then hibernated, each after the time that its rules say.
 */
export class Session extends SessionBase {
  readonly #idle = new IdleWatch()
  #users = 0
  /** The transition that is under way; requests that use the session wait for it. */
  #moving: Promise<void> = Promise.resolve()
  /** Whether it has done something since its last checkpoint. */
  #isDirty = false
  #savedAtMs = 0
  readonly #refusal = new Refusal()
  /** Aborted when it is paused, lost or dead. */
  #awake = new AbortController()

  get idleSinceMs(): number {
    return this.#idle.sinceMs
  }

  /** Whether nobody uses it and nothing in it computes. */
  get isIdle(): boolean {
    return this.state === 'frozen' || (this.state === 'ready' && !this.#idle.isComputing)
  }

  /** Why hibernate() has left it in memory when it was last called; null: it did what it was to do. */
  get refusal(): ManagerError | null {
    return this.#refusal.error
  }

  get ended(): AbortSignal {
    return this.#awake.signal
  }

  /** Gets its first sandbox: one that was made before, or a new one. */
  async begin(ready: KeptSandbox | null = null): Promise<void> {
    await this.#move(async () => {
      const sandbox = ready ?? (await this.host.create(this))
      this.record.baseBytes = sandbox.baseBytes
      this.#attach(sandbox)
      this.host.put(this, true)
      this.enter('ready', 'created')
    })
  }

  /**
   * Wakes it if it sleeps, and keeps it awake until the returned function is called.
   * @throws SessionGone, SessionLost, ManagerError when it cannot be woken now
   */
  async acquire(): Promise<{ channels: Channels; release: () => void }> {
    for (;;) {
      this.assertThere()
      const { state } = this
      if (state === 'ready' || state === 'busy') return this.#take()
      if (state === 'frozen') await this.#thaw()
      else if (state === 'hibernated') await this.#wake()
      else await this.#moving
    }
  }

  /** Asserts that it has not ended. @throws SessionGone, SessionLost */
  assertThere(): void {
    const { state } = this
    const { id } = this.record
    if (state === 'dead') throw new SessionGone(id, this.why)
    if (state === 'lost') throw new SessionLost(id, this.why, this.checkpoint?.atMs ?? null)
  }

  /** Takes one that is lost back to its last checkpoint, where it has one. */
  recover(): void {
    if (this.state !== 'lost' || !this.checkpoint) return
    this.revive()
    this.enter('hibernated', 'taken back to its last checkpoint')
    this.host.put(this, false)
  }

  /**
   * Writes it to disk now, if nobody uses it.
   * @param isUsed write it even if it is in use: who uses it is answered once it is restored
   * @returns whether it is hibernated then
   */
  async hibernate(why: string, isUsed = false): Promise<boolean> {
    await this.#moving
    this.#refusal.clear()
    const canSleep = this.state === 'ready' || this.state === 'frozen'
    if (!canSleep && !(isUsed && this.state === 'busy')) return this.state === 'hibernated'
    const sandbox = this.sandbox as KeptSandbox
    this.enter('hibernating', why)
    await this.#move(async () => {
      try {
        this.checkpoint = await this.host.checkpoint(this, sandbox)
      } catch (error) {
        if (!(error instanceof CheckpointRefused)) throw error
        this.#refusal.set(error)
        this.#goOn('it could not be written to disk')
        this.host.notWritten(this, error)
        return
      }
      this.#isDirty = false
      this.#detach()
      this.host.put(this, false)
      await this.host.release(sandbox)
      this.enter('hibernated', why)
    })
    return (this.state as SessionState) === 'hibernated'
  }

  /**
   * Writes it to disk until it is resumed. A use that has a deadline is told that the session has ended.
   * @returns whether it is paused then
   */
  async pause(why: string): Promise<boolean> {
    const { record } = this
    const isUsed = record.atDeadline !== undefined
    const isPaused = (await this.hibernate(why, isUsed)) && this.state === 'hibernated'
    if (isPaused) {
      record.isPaused = true
      this.host.put(this, false)
      this.#awake.abort()
    }
    return isPaused
  }

  /** Writes it to disk, in use or not, and has it go on from there. */
  async save(): Promise<void> {
    const { sinceMs } = this.#idle
    if (!(await this.hibernate('saved', true))) return
    if (this.state === 'hibernated') await this.#wake()
    if (this.#users === 0) this.#idle.begin(sinceMs)
  }

  /** Ends it and removes everything of it. */
  async kill(why: string): Promise<void> {
    const sandbox = this.sandbox
    if (this.state !== 'dead') {
      this.endedAtMs = performance.now()
      this.#detach()
      this.#awake.abort()
      this.channels?.end(why)
      this.commands.close()
      this.enter('dead', why)
    }
    if (sandbox) await this.host.release(sandbox)
    // What is being written is removed, too.
    await this.#moving
    await this.host.forget(this)
  }

  /** Ends its sandbox, and leaves the files on disk to the next manager. Waiting requests are told that it is lost. */
  async abandon(why: string): Promise<void> {
    if (this.state === 'creating') return this.kill(why)
    if (this.sandbox) await this.#lose(why, true)
    else this.channels?.end(why)
  }

  async #wake(): Promise<void> {
    const checkpoint = this.checkpoint as Checkpoint
    this.enter('waking', 'used')
    if (this.#awake.signal.aborted) this.#awake = new AbortController()
    this.record.isPaused = false
    await this.#move(async () => {
      this.record.incarnation++
      let sandbox: KeptSandbox
      try {
        // From now on its processes may do what is not on disk.
        this.host.put(this, true)
        sandbox = await this.host.restore(this, checkpoint, this.channels as Channels)
      } catch (error) {
        // It stays on disk: the next use tries again.
        if (this.state === 'waking') {
          this.enter('hibernated', 'could not be woken')
          this.host.put(this, false)
        }
        throw error
      }
      this.#attach(sandbox)
      this.#goOn('woken')
    })
  }

  /** Does one transition; a failure of its own ends the session, unless it has a state to fall back to. */
  async #move(step: () => Promise<void>): Promise<void> {
    const moving = step()
    this.#moving = moving.catch(() => {})
    try {
      await moving
    } catch (error) {
      if (this.state === 'creating') await this.#lose((error as Error).message).catch(() => {})
      else if (this.state === 'hibernating') {
        this.host.notWritten(this, error as Error)
        await this.#lose('its sandbox ended while it was written to disk').catch(() => {})
        this.assertThere()
      }
      throw error
    }
  }

  /** Its sandbox has ended, or must. What is on disk of it can be had back when that is asked for. */
  async #lose(why: string, isKept = this.checkpoint !== null): Promise<void> {
    if (!isKept) return this.kill(why)
    const sandbox = this.sandbox
    this.#detach()
    this.#awake.abort()
    this.channels?.end(why)
    this.enter('lost', why)
    if (sandbox) await this.host.release(sandbox)
  }

  #take(): { channels: Channels; release: () => void } {
    this.#users++
    this.#isDirty = true
    if (this.state === 'ready') this.enter('busy', 'used')
    const release = once(() => {
      this.#users--
      if (this.#users > 0 || this.state !== 'busy') return
      this.enter('ready', 'idle')
      this.#idle.begin()
    })
    return { channels: this.channels as Channels, release }
  }

  #attach(sandbox: KeptSandbox): void {
    if (this.state === 'dead') {
      this.host.release(sandbox).catch(() => {})
      throw new SessionGone(this.record.id, this.why)
    }
    this.sandbox = sandbox
    this.channels = sandbox.channels
    void sandbox.ended.then(() => {
      if (this.sandbox !== sandbox || this.state === 'hibernating') return
      this.#lose(ENDED).catch(() => {})
    })
    this.#idle.begin()
    this.#savedAtMs = performance.now()
    this.#idle.start(sandbox, () => this.#lookAt(sandbox))
  }

  #detach(): void {
    this.#idle.stop()
    this.sandbox = null
  }

  async #thaw(): Promise<void> {
    if (this.sandbox?.isKilled()) return this.#lose(ENDED)
    this.sandbox?.thaw()
    this.enter('ready', 'used')
  }

  /** It is in memory, and in use if it was before. */
  #goOn(why: string): void {
    this.enter('ready', why)
    this.#idle.begin()
    if (this.#users > 0) this.enter('busy', 'used')
  }

  async #lookAt(sandbox: KeptSandbox): Promise<void> {
    sandbox.look()
    if (this.state === 'frozen' && sandbox.isKilled()) return this.#lose(ENDED)
    const isBusyInside = this.state !== 'frozen' && this.#idle.isBusyInside(sandbox)
    this.#isDirty ||= isBusyInside
    if (this.state === 'ready' && isBusyInside) this.#idle.begin()
    await this.#sleepIfIdle(sandbox)
    const isAwake = this.state === 'ready' || this.state === 'busy' || this.state === 'frozen'
    const isDue = performance.now() - this.#savedAtMs >= (this.host.saveEveryMs() ?? Infinity)
    if (isDue && isAwake && this.#isDirty) await this.save()
  }

  async #sleepIfIdle(sandbox: KeptSandbox): Promise<void> {
    const sleep = this.#idle.sleepFor(this.state, this.record.idle)
    if (sleep === 'hibernate' && !this.#refusal.isRecent) await this.hibernate('idle')
    if (sleep !== 'freeze' || !(await sandbox.freeze())) return
    // Somebody may have come meanwhile.
    if (this.state === 'ready' && this.#users === 0) this.enter('frozen', 'idle')
    else if (this.state !== 'frozen') sandbox.thaw()
  }
}
