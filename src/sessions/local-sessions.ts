import { randomBytes } from 'node:crypto'
import { ManagerError } from '../errors.ts'
import { Channels } from '../supervisor/channels.ts'
import { Commands, type OutputAccounts } from './commands.ts'
import type { KeptSandbox, KeptSandboxes } from './engine.ts'
import { Session, type SessionHost } from './session.ts'
import type { Shelf } from './shelf.ts'
import type { SessionInfo, SessionRequest, Sessions, SessionUse } from './types.ts'

/** Places in memory, shared with the pools. */
export interface Places {
  /** Takes a place for a sandbox that is about to be made; false: there is none. */
  tryEnter(): boolean
  /** The making succeeded or failed. */
  made(): void
  /** Gives a place back. */
  left(): void
}

export interface SessionSettings {
  /** Sessions of one caller at once, and of all; hibernated ones included. */
  readonly perCaller: number
  readonly inAll: number
  /** Of what commands write; null: it is not counted. */
  readonly outputs?: OutputAccounts | null
}

/** Callbacks. They must not throw. */
export interface SessionEvents {
  changed(info: SessionInfo, why: string): void
}

const REVIEW_MS = 1000
/** How long a session in the state dead is still told of. */
const DEAD_MS = 10 * 60_000

/** The sessions of this machine. */
export class LocalSessions implements Sessions {
  readonly #templates: ReadonlyMap<string, KeptSandboxes>
  readonly #places: Places
  readonly #shelf: Shelf
  readonly #settings: SessionSettings
  readonly #events: SessionEvents
  readonly #sessions = new Map<string, Session>()
  readonly #review: NodeJS.Timeout
  #stopping: Promise<void> | null = null

  constructor(
    templates: ReadonlyMap<string, KeptSandboxes>,
    places: Places,
    shelf: Shelf,
    settings: SessionSettings,
    events: SessionEvents,
  ) {
    this.#templates = templates
    this.#places = places
    this.#shelf = shelf
    this.#settings = settings
    this.#events = events
    this.#review = setInterval(() => this.#expire(), REVIEW_MS)
    this.#review.unref()
  }

  /**
   * Offers the sessions that an earlier manager left on disk. They are restored when they are used.
   * @returns how many there are, and how many had to be dropped because this manager cannot restore them
   */
  load(): { found: number; dropped: number } {
    let dropped = 0
    for (const { record, channels, commands: states } of this.#shelf.load()) {
      if (this.#templates.get(record.template)?.key !== record.key) {
        this.#shelf.remove(record.id)
        dropped++
        continue
      }
      const asleep = Channels.asleep(channels)
      const commands = this.#newCommands(record.caller)
      commands.load(states, asleep)
      this.#sessions.set(record.id, new Session(record, this.#host, asleep, commands))
    }
    return { found: this.#sessions.size, dropped }
  }

  async create(request: SessionRequest): Promise<SessionInfo> {
    const { caller, template, ttlMs } = request
    const sandboxes = this.#templates.get(template)
    if (!sandboxes) {
      const known = [...this.#templates.keys()].join(', ')
      throw new ManagerError('REQUEST_INVALID', `template: one of ${known} is expected.`, {
        field: 'template',
      })
    }
    this.#assertOpen()
    if (this.#of(caller).length >= this.#settings.perCaller) {
      throw new ManagerError(
        'HELD_TOO_MUCH',
        `This caller has ${this.#settings.perCaller} sessions, and may not have more: delete one.`,
      )
    }
    if (this.#living() >= this.#settings.inAll) {
      throw new ManagerError('POOL_BUSY', 'There are as many sessions as may be: try again later.')
    }
    this.#forgetDead(caller)
    const createdAtMs = Date.now()
    const id = randomBytes(15).toString('base64url')
    const record = {
      ...request,
      id,
      key: sandboxes.key,
      createdAtMs,
      expiresAtMs: createdAtMs + ttlMs,
      baseBytes: 0,
    }
    const session = new Session(record, this.#host, null, this.#newCommands(caller))
    this.#sessions.set(id, session)
    try {
      await session.begin()
    } catch (error) {
      this.#sessions.delete(id)
      throw error
    }
    return session.info()
  }

  list(caller: string): SessionInfo[] {
    return this.#of(caller).map((session) => session.info())
  }

  get(caller: string, id: string): SessionInfo | null {
    return this.#find(caller, id)?.info() ?? null
  }

  async use(caller: string, id: string): Promise<SessionUse | null> {
    const session = this.#find(caller, id)
    if (!session) return null
    this.#assertOpen()
    const { channels, release } = await session.acquire()
    const touch = () => {
      session.extend(Math.max(session.record.expiresAtMs, Date.now() + session.record.ttlMs))
      release()
    }
    const { commands, record } = session
    return { channels, commands, env: record.env, release: touch }
  }

  commands(caller: string, id: string): Commands | null {
    return this.#find(caller, id)?.commands ?? null
  }

  setTtl(caller: string, id: string, ttlMs: number): SessionInfo | null {
    const session = this.#find(caller, id)
    session?.extend(Date.now() + ttlMs)
    return session?.info() ?? null
  }

  async pause(caller: string, id: string): Promise<SessionInfo | null> {
    const session = this.#find(caller, id)
    await session?.hibernate('paused')
    return session?.info() ?? null
  }

  async kill(caller: string, id: string): Promise<boolean> {
    const session = this.#find(caller, id)
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
    // One after the other: each takes a processor and the disk.
    for (const session of this.#sessions.values()) {
      await session.hibernate('the service stops', true).catch(() => {})
    }
    const rest = [...this.#sessions.values()].filter(({ state }) => state !== 'hibernated')
    await Promise.all(rest.map((session) => session.kill('the service stopped').catch(() => {})))
    this.#shelf.close()
  }

  readonly #host: SessionHost = {
    create: async ({ record }) => {
      const sandboxes = this.#templates.get(record.template) as KeptSandboxes
      return this.#inPlace(() => sandboxes.create())
    },
    restore: async ({ record }, channels) => {
      const sandboxes = this.#templates.get(record.template) as KeptSandboxes
      return this.#inPlace(() =>
        sandboxes.restore(this.#shelf.image(record.id), channels, record.baseBytes),
      )
    },
    hibernate: async (session, sandbox) => {
      const { record } = session
      await sandbox.checkpoint(this.#shelf.prepare(record.id))
      const commands = session.commands.state()
      this.#shelf.commit({ record, channels: session.channelsState(), commands })
      await this.#release(sandbox)
    },
    release: (sandbox) => this.#release(sandbox),
    forget: async ({ record }) => this.#shelf.remove(record.id),
    changed: (session, why) => this.#events.changed(session.info(), why),
  }

  /** Makes a sandbox in a place of its own; the session that has been idle longest makes room where none is free. */
  async #inPlace(make: () => Promise<KeptSandbox>): Promise<KeptSandbox> {
    while (!this.#places.tryEnter()) {
      if (!(await this.#hibernateOne())) {
        throw new ManagerError(
          'POOL_BUSY',
          'All memory for sandboxes is in use, and no session is idle: try again later.',
        )
      }
    }
    let sandbox: KeptSandbox | null = null
    try {
      sandbox = await make()
      return sandbox
    } finally {
      this.#places.made()
      if (!sandbox) this.#places.left()
    }
  }

  /** Destroys a sandbox; its place is given back when nothing of it is left. */
  async #release(sandbox: KeptSandbox): Promise<void> {
    await sandbox.dispose()
    this.#places.left()
  }

  async #hibernateOne(): Promise<boolean> {
    const idle = [...this.#sessions.values()]
      .filter(({ state }) => state === 'frozen' || state === 'ready')
      .sort((one, other) => one.idleSinceMs - other.idleSinceMs)
    for (const session of idle) {
      if (await session.hibernate('its memory is needed').catch(() => false)) return true
    }
    return false
  }

  #expire(): void {
    const now = Date.now()
    for (const [id, session] of this.#sessions) {
      const { expiresAtMs } = session.record
      if (session.state === 'dead') {
        if (performance.now() > session.endedAtMs + DEAD_MS) this.#sessions.delete(id)
      } else if (now > expiresAtMs && session.state !== 'busy') {
        session.kill('its time to live was over').catch(() => {})
      }
    }
  }

  #living(): number {
    return [...this.#sessions.values()].filter(({ state }) => state !== 'dead').length
  }

  /** Of a caller as many that are dead are told of as it may have; the others are forgotten. */
  #forgetDead(caller: string): void {
    const dead = [...this.#sessions.values()].filter(
      ({ record, state }) => record.caller === caller && state === 'dead',
    )
    const excess = dead.length - this.#settings.perCaller
    for (const { record } of dead.slice(0, Math.max(0, excess))) this.#sessions.delete(record.id)
  }

  #newCommands(caller: string): Commands {
    return new Commands(caller, this.#settings.outputs ?? null)
  }

  #of(caller: string): Session[] {
    return [...this.#sessions.values()].filter(
      ({ record, state }) => record.caller === caller && state !== 'dead',
    )
  }

  #find(caller: string, id: string): Session | null {
    const session = this.#sessions.get(id)
    return session?.record.caller === caller ? session : null
  }

  #assertOpen(): void {
    if (this.#stopping) throw new ManagerError('SHUTTING_DOWN', 'The service is shutting down.')
  }
}
