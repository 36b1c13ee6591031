import type { CallbackPolicy } from '../../jobs/callback-policy.ts'
import { callWebhook } from '../../jobs/webhook-call.ts'
import { CALLBACK_TRIES } from './info.ts'

/**
 * Sends submissions that have ended to where they are wanted: `PUT`, three tries one after the other. Those of one
 * caller are sent by turns, so that a receiver that is slow holds up its caller's only. What is not sent when the service
 * stops is not sent any more.
 */
export class Callbacks {
  readonly #policy: CallbackPolicy | null
  readonly #chains = new Map<string, Promise<void>>()
  #isStopped = false

  /** @param policy where they may go; null: nowhere */
  constructor(policy: CallbackPolicy | null) {
    this.#policy = policy
  }

  /** @param body makes what is sent when it is its turn; null: nothing is */
  add(caller: string, url: string, body: () => Promise<string | null>): void {
    const before = this.#chains.get(caller) ?? Promise.resolve()
    const chain = before
      .then(() => this.#send(url, body))
      .catch(() => {})
      .finally(() => {
        if (this.#chains.get(caller) === chain) this.#chains.delete(caller)
      })
    this.#chains.set(caller, chain)
  }

  /** Begins no more. */
  stop(): void {
    this.#isStopped = true
  }

  async #send(url: string, body: () => Promise<string | null>): Promise<void> {
    const text = this.#isStopped ? null : await body()
    for (let tries = 0; text !== null && tries < CALLBACK_TRIES; tries++) {
      if (this.#isStopped || this.#policy === null) return
      const { status } = await callWebhook(new URL(url), {}, text, this.#policy, [], 'PUT')
      // Judge0 takes any answer.
      if (status !== null) return
    }
  }
}
