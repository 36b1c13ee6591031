import { Admission } from './admission.ts'
import { Commands } from './commands.ts'
import { Contexts } from './contexts.ts'
import { type CopyHost, createFrom, fork, takeSnapshot } from './copies.ts'
import type { SandboxTemplates, SandboxUse } from './engine.ts'
import type { History } from './history.ts'
import type { SessionHost } from './host.ts'
import { limitsOfFound } from './limits.ts'
import { loadSessions } from './load.ts'
import { hostOf, type SessionEvents } from './local-host.ts'
import { SessionMemory } from './memory.ts'
import { newRecord, sandboxesOf, suitsReady } from './new-record.ts'
import { Registry } from './registry.ts'
import type { Places } from './residence.ts'
import { Session } from './session.ts'
import type { SessionSettings } from './settings.ts'
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

const REVIEW_MS = 1000

/** The sessions of this machine. */
export class LocalSessions implements Sessions {
  readonly #templates: SandboxTemplates
  readonly #shelf: Shelf
  readonly #settings: SessionSettings
  readonly #sessions = new Registry()
  readonly #admission: Admission
  readonly #memory: SessionMemory
  readonly #host: SessionHost
  readonly #snapshots: Snapshots
  readonly #review: NodeJS.Timeout
  readonly #shortage: Shortage | null
  #stopping: Promise<void> | null = null

  constructor(
    templates: SandboxTemplates,
    places: Places,
    shelf: Shelf,
    settings: SessionSettings,
    events: SessionEvents,
  ) {
    this.#templates = templates
    this.#admission = new Admission(settings, this.#sessions)
    this.#memory = new SessionMemory(places, settings.ready, this.#sessions)
    this.#host = hostOf(templates, shelf, this.#memory.residence, events, settings)
    this.#snapshots = new Snapshots(
      shelf.beside('snapshots'),
      (key) => templates.ofKey(key) !== null,
    )
    this.#shelf = shelf
    this.#settings = settings
    const { disk, dropGraceMs } = settings
    this.#shortage = disk ? new Shortage(disk, dropGraceMs) : null
    this.#review = setInterval(() => this.#look(), REVIEW_MS).unref()
  }

  #look(): void {
    this.#sessions.review()
    this.#shortage?.review(this.#sessions.all())
    this.#memory.review()
  }

  /**
   * Offers the sessions that an earlier manager left on disk. They are restored when they are used; those that were
   * in memory when it was killed are lost.
   * @returns how many there are, how many of them are lost, and how many had to be dropped because this manager
   *   cannot restore them
   */
  load(): { found: number; lost: number; dropped: number } {
    return loadSessions(this.#shelf, this.#sessions, (found) => this.#found(found))
  }

  /** @returns null when this manager cannot restore it */
  #found(found: Shelved): Session | null {
    const sandboxes = this.#templates.ofKey(found.record.key)
    if (!sandboxes) return null
    const record = { ...found.record, limits: limitsOfFound(found.record.limits, sandboxes.limits) }
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
    const { caller, template, snapshot } = request
    if (snapshot !== undefined) return createFrom(this.#copying, snapshot, request)
    const sandboxes = await sandboxesOf(this.#templates, template)
    // What is asked for now will want a place on disk sooner or later.
    this.#admission.admit(caller, 1, 1)
    const record = newRecord(request, sandboxes)
    const commands = this.#newCommands(caller)
    const ready = suitsReady(request, record, sandboxes)
      ? this.#memory.ready.take(caller, template, sandboxes)
      : null
    ready?.sandbox.setLimits(record.limits)
    const contexts = ready?.contexts ?? new Contexts(sandboxes.kernels)
    contexts.settle(request.env)
    const session = new Session(record, this.#host, null, commands, contexts)
    this.#sessions.add(session)
    try {
      await session.begin(ready?.sandbox)
    } catch (error) {
      this.#sessions.delete(record.id)
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
    this.#admission.assertOpen()
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
      admit: (caller, count, bytes) => this.#admission.admit(caller, count, bytes),
      admitBytes: (caller, bytes) => this.#settings.disk?.admit(caller, bytes),
      found: (shelved) => this.#found(shelved),
    }
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
    this.#admission.assertOpen()
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
    this.#admission.close()
    this.#stopping ??= this.#stop()
    return this.#stopping
  }

  async #stop(): Promise<void> {
    clearInterval(this.#review)
    this.#settings.disk?.lift()
    await this.#memory.ready.close()
    // One after the other: each takes a processor and the disk.
    for (const session of this.#sessions.all()) {
      await session.hibernate('the service stops', true).catch(() => {})
    }
    const abandon = (one: Session) => one.abandon('the service stopped').catch(() => {})
    await Promise.all(this.#sessions.all().map(abandon))
    this.#shelf.close()
    this.#snapshots.close()
  }

  /** Whether any is in memory still. */
  isAwake(): boolean {
    return this.#sessions.all().some(({ isInMemory }) => isInMemory)
  }

  /** Gives memory back, if that of a session is not needed for it. */
  yieldReady(): void {
    this.#memory.yieldReady()
  }

  /** Keeps sandboxes of a template ready for a while, as after a session of it. */
  async prepare(template: string): Promise<void> {
    const sandboxes = await this.#templates.find(template)
    if (sandboxes) this.#memory.ready.want(template, sandboxes)
  }

  /** How many sandboxes are ready for sessions, by template. */
  readyCounts(): { template: string; count: number }[] {
    return this.#memory.ready.counts()
  }

  #newCommands(caller: string): Commands {
    return new Commands(caller, this.#settings.outputs ?? null)
  }
}
