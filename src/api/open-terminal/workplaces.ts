import type { FastifyRequest } from 'fastify'
import type { SessionInfo, Sessions } from '../../sessions/types.ts'
import { SESSION_HOME } from '../../sessions/user.ts'
import { Refused } from '../refused.ts'

/** What a session of this door has in its metadata: whose it is, by the headers of Open WebUI. */
const MARK = { user: 'open-terminal.user', chat: 'open-terminal.chat' } as const
const MAX_ID_CHARS = 256
const TTL_MS = 24 * 3_600_000
const IDLE = { freezeMs: 5000, hibernateMs: 300_000 }

/** Whose request it is: a user of the caller's, in a chat. */
export interface Person {
  readonly caller: string
  readonly user: string
  readonly chat: string
}

/** Where somebody works. */
export interface Workplace {
  /** Id of the session. */
  readonly session: string
  /** The folder that relative paths are from. */
  readonly cwd: string
}

/** One session for each user and chat of a caller, which is made when it is used first. */
export class Workplaces {
  readonly #sessions: Sessions
  readonly #making = new Map<string, Promise<string>>()
  /** By the session; after a start of the service all are at home. */
  readonly #folders = new Map<string, string>()

  constructor(sessions: Sessions) {
    this.#sessions = sessions
  }

  /** @throws ManagerError when the caller has too many sessions, or none can be made */
  async of(person: Person): Promise<Workplace> {
    const session = this.find(person)?.session ?? (await this.#make(person))
    return { session, cwd: this.#folders.get(session) ?? SESSION_HOME }
  }

  /** @returns null: nothing was done in this chat, or its session has ended */
  find(person: Person): Workplace | null {
    const info = this.#infoOf(person)
    // One that is lost is taken back to what is on disk of it; where nothing is, there is another.
    if (!info || info.state === 'lost') return null
    return { session: info.id, cwd: this.#folders.get(info.id) ?? SESSION_HOME }
  }

  move({ session }: Workplace, cwd: string): void {
    this.#folders.set(session, cwd)
    const alive = [...this.#folders.keys()].slice(0, -MOST_FOLDERS)
    for (const old of alive) this.#folders.delete(old)
  }

  #infoOf({ caller, user, chat }: Person): SessionInfo | undefined {
    return this.#sessions
      .list(caller)
      .find(
        ({ metadata, state }) =>
          metadata[MARK.user] === user && metadata[MARK.chat] === chat && state !== 'dead',
      )
  }

  #make(person: Person): Promise<string> {
    const key = JSON.stringify([person.caller, person.user, person.chat])
    const making = this.#making.get(key) ?? this.#begin(person)
    this.#making.set(key, making)
    return making.finally(() => this.#making.delete(key))
  }

  async #begin(person: Person): Promise<string> {
    const { caller, user, chat } = person
    const lost = this.#infoOf(person)
    if (lost?.checkpoint) {
      await this.#sessions.recover(caller, lost.id)
      return lost.id
    }
    if (lost) await this.#sessions.kill(caller, lost.id)
    const { id } = await this.#sessions.create({
      ...{ caller, template: this.#sessions.defaultTemplate(), env: {}, ttlMs: TTL_MS, idle: IDLE },
      metadata: { [MARK.user]: user, [MARK.chat]: chat },
    })
    return id
  }
}

const MOST_FOLDERS = 10_000

/**
 * Returns whose request it is.
 * @throws Refused
 */
export function personOf({ caller, headers }: Pick<FastifyRequest, 'caller' | 'headers'>): Person {
  return { caller, user: idIn(headers['x-user-id']), chat: idIn(headers['x-session-id']) }
}

function idIn(value: string | string[] | undefined): string {
  const id = typeof value === 'string' ? value : ''
  if (id.length <= MAX_ID_CHARS) return id
  throw new Refused(400, `An id has at most ${MAX_ID_CHARS} characters.`)
}
