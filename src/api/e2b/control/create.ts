import { createHash } from 'node:crypto'
import type { SessionInfo, SessionRequest, Sessions } from '../../../sessions/types.ts'
import { Refused } from '../../refused.ts'
import type { E2bContext } from '../context.ts'
import { DOOR, newTokens, noteOf, type SandboxNote } from '../note.ts'
import type { Sandbox } from './present.ts'
import { isOffline } from './reach.ts'
import { DEFAULT_TIMEOUT_S, type NewSandbox } from './schema.ts'
import { noTemplate, sourceOf } from './templates.ts'

/** It goes on until its time is over, as a client of E2B expects: a timer inside fires. */
export const NEVER_IDLE = { freezeMs: null, hibernateMs: null }

/** A request that a client may send again without making another sandbox. */
export interface Idempotency {
  readonly key: string
  readonly bodyHash: string
}

/**
 * Returns what tells that a request is sent again; undefined: its client does not say so.
 * @param key in its header
 * @throws Refused 400
 */
export function idempotencyOf(key: unknown, asked: NewSandbox): Idempotency | undefined {
  if (key === undefined) return undefined
  if (typeof key !== 'string' || !/^[\x21-\x7e]{1,255}$/.test(key)) {
    throw new Refused(400, 'Idempotency-Key: 1 to 255 characters are expected')
  }
  const bodyHash = createHash('sha256').update(JSON.stringify(asked)).digest('base64url')
  return { key, bodyHash }
}

/** Makes sandboxes. */
export class Creation {
  readonly #context: E2bContext
  readonly #sessions: Sessions
  /** Requests with a key that are under way. */
  readonly #running = new Map<string, { bodyHash: string; made: Promise<Sandbox> }>()

  constructor(context: E2bContext) {
    this.#context = context
    this.#sessions = context.sessions
  }

  /**
   * Makes a sandbox, or finds the one that was made for the same request.
   * @throws Refused, ManagerError
   */
  async create(
    caller: string,
    asked: NewSandbox,
    idempotency: Idempotency | undefined,
  ): Promise<Sandbox> {
    if (!idempotency) return this.#make(caller, asked, undefined)
    const { key, bodyHash } = idempotency
    const name = JSON.stringify([caller, key])
    const earlier = this.#running.get(name) ?? this.#earlier(caller, key)
    if (earlier) {
      if (earlier.bodyHash === bodyHash) return earlier.made
      throw new Refused(422, 'Idempotency-Key: it is of another request')
    }
    const made = this.#make(caller, asked, idempotency)
    this.#running.set(name, { bodyHash, made })
    return made.finally(() => this.#running.delete(name))
  }

  #earlier(caller: string, key: string) {
    for (const info of this.#sessions.list(caller)) {
      const note = noteOf(info)
      if (note?.idempotency?.key !== key) continue
      return { bodyHash: note.idempotency.bodyHash, made: Promise.resolve({ info, note }) }
    }
    return null
  }

  async #make(
    caller: string,
    asked: NewSandbox,
    idempotency: Idempotency | undefined,
  ): Promise<Sandbox> {
    const { templateID, network = {}, allow_internet_access } = asked
    const source = sourceOf(this.#sessions, caller, templateID)
    if (!source) throw noTemplate(templateID)
    const { alias, wasOffline, ...from } = source
    const note = noteFor(asked, alias, idempotency)
    const reach = { ...network, allow_internet_access }
    const request = {
      ...from,
      ...requestOf(caller, asked),
      isOffline: isOffline(this.#context, reach, wasOffline),
      note,
    }
    const info = await this.#sessions.create(request)
    return { info, note }
  }
}

function noteFor(
  { templateID, network = {}, allow_internet_access, autoPause, autoResume }: NewSandbox,
  alias: string | undefined,
  idempotency: Idempotency | undefined,
): SandboxNote {
  return {
    door: DOOR,
    templateId: templateID,
    alias,
    ...newTokens(),
    isPublic: network.allowPublicTraffic ?? true,
    hostMask: network.maskRequestHost,
    allowsInternet: allow_internet_access ?? null,
    network,
    wakesByUse: autoPause === true && autoResume?.enabled === true,
    idempotency,
  }
}

function requestOf(caller: string, asked: NewSandbox): Omit<SessionRequest, 'template'> {
  const { envVars: env, metadata = {}, timeout = DEFAULT_TIMEOUT_S, autoPause } = asked
  return {
    caller,
    env,
    metadata,
    idle: NEVER_IDLE,
    ttlMs: timeout * 1000,
    atDeadline: autoPause ? 'pause' : 'end',
  }
}

/** Returns the sandbox of a session; null: it is none, or no more. */
export function sandboxIn(info: SessionInfo | null): Sandbox | null {
  const note = info && noteOf(info)
  const isThere = info && !['dead', 'lost', 'creating'].includes(info.state)
  return note && isThere ? { info, note } : null
}
