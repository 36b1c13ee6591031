import { ManagerError } from '../errors.ts'
import { Commands, type OutputAccounts } from './commands.ts'
import { Contexts } from './contexts.ts'
import { type CopyHost, createFrom, fork, newId, takeSnapshot } from './copies.ts'
import type { DiskAccounts } from './disk.ts'
import type { KeptSandboxes, SandboxLimits, SandboxTemplates, SandboxUse } from './engine.ts'
import type { History } from './history.ts'
import type { SessionHost } from './host.ts'
import { hostOf, type SessionEvents } from './local-host.ts'
import { ReadySandboxes, type ReadySettings } from './ready-sandboxes.ts'
import { Registry } from './registry.ts'
import { type Places, Residence } from './residence.ts'
import { Session } from './session.ts'
import type { Shelf, Shelved } from './shelf.ts'
import { Shortage } from './shortage.ts'
import { Snapshots } from './snapshots.ts'
import type {
  SessionChange,
  SessionInfo,
  SessionNote,
  SessionRequest,
  Sessions,
  SessionUse,
  SnapshotInfo,
} from './types.ts'

export interface SessionSettings {
  /** Sessions of one caller at once, and of all; hibernated ones included. */
  readonly perCaller: number
  readonly inAll: number
  /** Accounts for the output of commands; null: it is not counted. */
  readonly outputs?: OutputAccounts | null
  /** How often sessions that are used are written to disk while they go on; null: never. */
  readonly saveEveryMs: number | null
  /** Accounts for the files on disk; null: they are not counted. */
  readonly disk?: DiskAccounts | null
  /** How long before its end a session is told that it will be dropped for want of disk. */
  readonly dropGraceMs?: number
  /** Sandboxes that are made before sessions are asked for; by default none are. */
  readonly ready?: ReadySettings
}

/** Enough for a caller that looks now and then. */
const DROP_GRACE_MS = 15 * 60_000

const NONE_READY: ReadySettings = { size: 0, mayMake: () => false, failed: () => {} }

const REVIEW_MS = 1000

/** The sessions of this machine. */
export class LocalSessions implements Sessions {
  readonly #templates: SandboxTemplates
  readonly #shelf: Shelf
  readonly #settings: SessionSettings
  readonly #sessions = new Registry()
  readonly #memory: Residence
  readonly #ready: ReadySandboxes
  readonly #host: SessionHost
  readonly #snapshots: Snapshots
  readonly #review: NodeJS.Timeout
  readonly #places: Places
  readonly #shortage: Shortage | null
  /** For runs that wait, or a machine that is short of memory. */
  #isMakingRoom = false
  #stopping: Promise<void> | null = null

  constructor(
    templates: SandboxTemplates,
    places: Places,
    shelf: Shelf,
    settings: SessionSettings,
    events: SessionEvents,
  ) {
    this.#templates = templates
    this.#places = places
    this.#memory = new Residence(places, (caller) => this.#makeRoom(caller))
    this.#ready = new ReadySandboxes(settings.ready ?? NONE_READY, this.#memory)
    this.#host = hostOf(templates, shelf, this.#memory, events, settings)
    this.#snapshots = new Snapshots(
      shelf.beside('snapshots'),
      (key) => templates.ofKey(key) !== null,
    )
    this.#shelf = shelf
    this.#settings = settings
    const { disk, dropGraceMs = DROP_GRACE_MS } = settings
    this.#shortage = disk ? new Shortage(disk, dropGraceMs) : null
    this.#review = setInterval(() => this.#look(), REVIEW_MS)
    this.#review.unref()
  }

  /**
   * Offers the sessions that an earlier manager left on disk. They are restored when they are used; those that were
   * in memory when it was killed are lost.
   * @returns how many there are, how many of them are lost, and how many had to be dropped because this manager
   *   cannot restore them
   */
  load(): { found: number; lost: number; dropped: number } {
    const { shelved, unreadable } = this.#shelf.load()
    let dropped = unreadable
    let lost = 0
    for (const found of shelved) {
      const session = this.#found(found)
      if (!session) {
        this.#shelf.remove(found.record.id)
        dropped++
        continue
      }
      if (session.state === 'lost') {
        lost++
        // Nobody wrote down when it was used last.
        session.record.expiresAtMs = Math.max(
          session.record.expiresAtMs,
          Date.now() + session.record.ttlMs,
        )
      }
      this.#sessions.add(session)
    }
    return { found: this.#sessions.size, lost, dropped }
  }

  /** @returns null when this manager cannot restore it */
  #found(found: Shelved): Session | null {
    const { record } = found
    const sandboxes = this.#templates.ofKey(record.key)
    if (!sandboxes) return null
    try {
      const commands = this.#newCommands(record.caller)
      return new Session(record, this.#host, found, commands, new Contexts(sandboxes.kernels))
    } catch {
      return null
    }
  }

  defaultTemplate(): string {
    return this.#templates.preferred()
  }

  templateNames(): string[] {
    return this.#templates.names()
  }

  async create(request: SessionRequest): Promise<SessionInfo> {
    const { caller, template, ttlMs, snapshot } = request
    if (snapshot !== undefined) return createFrom(this.#copying, snapshot, request)
    const sandboxes = await this.#templates.find(template)
    if (!sandboxes) {
      const known = this.#templates.names().join(', ')
      throw new ManagerError('REQUEST_INVALID', `template: one of ${known} is expected.`, {
        field: 'template',
      })
    }
    // What is asked for now will want a place on disk sooner or later.
    this.#admit(caller, 1, 1)
    const createdAtMs = Date.now()
    const id = newId()
    const record = {
      ...request,
      id,
      key: sandboxes.key,
      createdAtMs,
      expiresAtMs: createdAtMs + ttlMs,
      baseBytes: 0,
      incarnation: 1,
      limits: limitsOf(sandboxes),
    }
    const commands = this.#newCommands(caller)
    const ready = this.#ready.take(caller, template, sandboxes)
    const contexts = ready?.contexts ?? new Contexts(sandboxes.kernels)
    contexts.settle(request.env)
    const session = new Session(record, this.#host, null, commands, contexts)
    this.#sessions.add(session)
    try {
      await session.begin(ready?.sandbox)
    } catch (error) {
      this.#sessions.delete(id)
      throw error
    }
    return session.info()
  }

  async fork(caller: string, id: string, count: number): Promise<SessionInfo[] | null> {
    const session = this.#sessions.find(caller, id)
    return session && fork(this.#copying, session, count)
  }

  async snapshot(caller: string, id: string, note?: SessionNote): Promise<SnapshotInfo | null> {
    const session = this.#sessions.find(caller, id)
    this.#assertOpen()
    return session && takeSnapshot(this.#copying, session, this.#settings.perCaller, note)
  }

  snapshots(caller: string): SnapshotInfo[] {
    return this.#snapshots.list(caller)
  }

  removeSnapshot(caller: string, id: string): boolean {
    return this.#snapshots.remove(caller, id)
  }

  get #copying(): CopyHost {
    return {
      sessions: this.#sessions,
      shelf: this.#shelf,
      snapshots: this.#snapshots,
      admit: (caller, count, bytes) => this.#admit(caller, count, bytes),
      admitBytes: (caller, bytes) => this.#settings.disk?.admit(caller, bytes),
      found: (shelved) => this.#found(shelved),
    }
  }

  /** @throws ManagerError when the caller may not have so many sessions more, or so much on disk */
  #admit(caller: string, count: number, bytes: number): void {
    this.#assertOpen()
    this.#settings.disk?.admit(caller, bytes)
    const { perCaller, inAll } = this.#settings
    if (this.#sessions.of(caller).length + count > perCaller) {
      throw new ManagerError(
        'HELD_TOO_MUCH',
        `This caller may not have more than ${perCaller} sessions: delete one.`,
      )
    }
    if (this.#sessions.living() + count > inAll) {
      throw new ManagerError('POOL_BUSY', 'There are as many sessions as may be: try again later.')
    }
    this.#sessions.forgetDead(caller, perCaller)
  }

  list(caller: string): SessionInfo[] {
    return this.#sessions.of(caller).map((session) => session.info())
  }

  get(caller: string, id: string): SessionInfo | null {
    return this.#sessions.find(caller, id)?.info() ?? null
  }

  async use(caller: string, id: string): Promise<SessionUse | null> {
    const session = this.#sessions.find(caller, id)
    if (!session) return null
    this.#assertOpen()
    const { channels, release } = await session.acquire()
    const touch = () => {
      const { atDeadline, expiresAtMs, ttlMs } = record
      if (!atDeadline) record.expiresAtMs = Math.max(expiresAtMs, Date.now() + ttlMs)
      release()
    }
    const { commands, contexts, record, ended } = session
    const usage = () => session.usage()
    return { channels, commands, contexts, env: record.env, usage, ended, release: touch }
  }

  contexts(caller: string, id: string): Contexts | null {
    return this.#sessions.find(caller, id)?.contexts ?? null
  }

  usage(caller: string, id: string): SandboxUse | null {
    const session = this.#sessions.find(caller, id)
    return session?.isInMemory ? session.usage() : null
  }

  history(caller: string, id: string): History | null {
    return this.#sessions.find(caller, id)?.history ?? null
  }

  commands(caller: string, id: string): Commands | null {
    return this.#sessions.find(caller, id)?.commands ?? null
  }

  ownerOf(id: string): string | null {
    return this.#sessions.ownerOf(id)
  }

  ofDoor(door: string): SessionInfo[] {
    const all = this.#sessions.all().filter(({ record }) => record.note?.door === door)
    return all.filter(({ state }) => state !== 'dead').map((session) => session.info())
  }

  setTtl(caller: string, id: string, ttlMs: number): SessionInfo | null {
    const session = this.#sessions.find(caller, id)
    if (!session) return null
    session.record.expiresAtMs = Date.now() + ttlMs
    this.#put(session)
    return session.info()
  }

  change(caller: string, id: string, change: SessionChange): SessionInfo | null {
    const session = this.#sessions.find(caller, id)
    if (!session) return null
    Object.assign(session.record, change)
    this.#put(session)
    return session.info()
  }

  #put(session: Session): void {
    if (session.state !== 'dead' && session.state !== 'creating') this.#shelf.put(session.shelved())
  }

  async resume(caller: string, id: string): Promise<SessionInfo | null> {
    const use = await this.use(caller, id)
    use?.release()
    return use && this.get(caller, id)
  }

  recover(caller: string, id: string): Promise<SessionInfo | null> {
    this.#sessions.find(caller, id)?.recover()
    return this.resume(caller, id)
  }

  async pause(caller: string, id: string): Promise<SessionInfo | null> {
    const session = this.#sessions.find(caller, id)
    const isWritten = await session?.pause('paused')
    if (!isWritten && session?.refusal) throw session.refusal
    return session?.info() ?? null
  }

  async kill(caller: string, id: string): Promise<boolean> {
    const session = this.#sessions.find(caller, id)
    if (!session || session.state === 'dead') return false
    await session.kill('deleted')
    this.#sessions.delete(id)
    return true
  }

  /** Writes every session to disk for the next manager, once, those in use too. */
  stop(): Promise<void> {
    this.#stopping ??= this.#stop()
    return this.#stopping
  }

  async #stop(): Promise<void> {
    clearInterval(this.#review)
    this.#settings.disk?.lift()
    await this.#ready.close()
    // One after the other: each takes a processor and the disk.
    for (const session of this.#sessions.all()) {
      await session.hibernate('the service stops', true).catch(() => {})
    }
    const all = this.#sessions.all()
    await Promise.all(all.map((one) => one.abandon('the service stopped').catch(() => {})))
    this.#shelf.close()
    this.#snapshots.close()
  }

  #look(): void {
    this.#sessions.review()
    this.#shortage?.review(this.#sessions.all())
    this.#ready.look()
    if (!this.#places.isWanted || this.#isMakingRoom) return
    this.#isMakingRoom = true
    void this.#makeRoom(null).finally(() => {
      this.#isMakingRoom = false
    })
  }

  /** Gives memory back, if that of a session is not needed for it. */
  yieldReady(): void {
    if (this.#isMakingRoom) return
    this.#isMakingRoom = true
    void this.#ready.giveUp().finally(() => {
      this.#isMakingRoom = false
    })
  }

  /** Keeps sandboxes of a template ready for a while, as after a session of it. */
  async prepare(template: string): Promise<void> {
    const sandboxes = await this.#templates.find(template)
    if (sandboxes) this.#ready.want(template, sandboxes)
  }

  /** How many sandboxes are ready for sessions, by template. */
  readyCounts(): { template: string; count: number }[] {
    return this.#ready.counts()
  }

  /**
   * Makes a place free: of a ready sandbox that nobody has, or else of an idle session.
   * @param caller whose session it has to be; null: anybody's
   * @returns whether it could
   */
  async #makeRoom(caller: string | null): Promise<boolean> {
    if (caller === null && (await this.#ready.giveUp())) return true
    return this.#hibernateOne(caller)
  }

  /**
   * The session that has been idle longest goes to disk.
   * @param caller whose it is; null: anybody's
   * @returns false: none is idle
   */
  async #hibernateOne(caller: string | null): Promise<boolean> {
    for (const session of this.#sessions.idle()) {
      if (caller !== null && session.record.caller !== caller) continue
      if (await session.hibernate('its memory is needed').catch(() => false)) return true
    }
    return false
  }

  #newCommands(caller: string): Commands {
    return new Commands(caller, this.#settings.outputs ?? null)
  }

  #assertOpen(): void {
    if (this.#stopping) throw new ManagerError('SHUTTING_DOWN', 'The service is shutting down.')
  }
}

function limitsOf({ limits }: KeptSandboxes): SandboxLimits {
  const { memoryBytes, cpus, workspaceBytes } = limits
  return { memoryBytes, cpus, workspaceBytes }
}
