import { ManagerError } from '../errors.ts'
import type { Registry } from './registry.ts'
import type { SessionSettings } from './settings.ts'

/** Decides whether there may be more sessions. */
export class Admission {
  readonly #settings: SessionSettings
  readonly #sessions: Registry
  #isClosed = false

  constructor(settings: SessionSettings, sessions: Registry) {
    this.#settings = settings
    this.#sessions = sessions
  }

  /** From now on nothing is admitted. */
  close(): void {
    this.#isClosed = true
  }

  /** @throws ManagerError SHUTTING_DOWN */
  assertOpen(): void {
    if (this.#isClosed) throw new ManagerError('SHUTTING_DOWN', 'The service is shutting down.')
  }

  /** @throws ManagerError when the caller may not have so many sessions more, or so much on disk */
  admit(caller: string, count: number, bytes: number): void {
    this.assertOpen()
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
}
