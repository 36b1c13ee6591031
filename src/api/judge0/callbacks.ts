import type { CallbackPolicy } from '../../jobs/callback-policy.ts'
import { callWebhook } from '../../jobs/webhook-call.ts'
import { Refused } from '../refused.ts'
import { CALLBACK_TRIES } from './info.ts'

/** Of one caller, until they are sent: those of submissions that have not ended, too. */
export const MAX_CALLBACKS = 1000

/** What is to be sent. */
export interface Callback {
  readonly token: string
  readonly url: string
  /** Resolves when it may be sent; to false, or rejects, when it is not to be sent any more. */
  readonly ended: Promise<boolean>
  /** Makes what is sent when it is its turn; null: nothing is. */
  body(): Promise<string | null>
}

/** The callbacks of one caller. */
interface Queue {
  count: number
  isSending: boolean
  readonly turns: Callback[]
  /** The token of the submission that is being sent. */
  current: string | null
}

/**
 * Sends submissions that have ended to where they are wanted: `PUT`, three tries one after the other. Those of one
 * caller are sent by turns, so that a receiver that is slow holds up its caller's only, and their number is bounded. What
 * is not sent when the service stops is not sent any more.
 */
export class Callbacks {
  readonly #policy: CallbackPolicy | null
  readonly #queues = new Map<string, Queue>()
  #isStopped = false

  /** @param policy where they may go; null: nowhere */
  constructor(policy: CallbackPolicy | null) {
    this.#policy = policy
  }

  /**
   * Tells whether a caller may want more callbacks.
   * @throws Refused 429
   */
  assertRoom(caller: string, more: number): void {
    const count = this.#queues.get(caller)?.count ?? 0
    if (count + more <= MAX_CALLBACKS) return
    throw new Refused(429, `${count} callbacks of yours wait: have your receiver take them.`, 1)
  }

  add(caller: string, callback: Callback): void {
    const queue = this.#queues.get(caller) ?? newQueue()
    this.#queues.set(caller, queue)
    queue.count++
    const take = (isWanted: boolean) => {
      if (!isWanted || this.#isStopped) return this.#leave(caller, queue, 1)
      queue.turns.push(callback)
      if (!queue.isSending) void this.#sendAll(caller, queue)
    }
    callback.ended.then(take, () => take(false))
  }

  /** Forgets a submission that is gone. */
  drop(caller: string, token: string): void {
    const queue = this.#queues.get(caller)
    if (!queue) return
    if (queue.current === token) queue.current = null
    const at = queue.turns.findIndex((one) => one.token === token)
    if (at < 0) return
    queue.turns.splice(at, 1)
    this.#leave(caller, queue, 1)
  }

  /** Begins no more. */
  stop(): void {
    this.#isStopped = true
    for (const [caller, queue] of this.#queues) {
      this.#leave(caller, queue, queue.turns.splice(0).length)
    }
  }

  #leave(caller: string, queue: Queue, count: number): void {
    queue.count -= count
    if (queue.count === 0) this.#queues.delete(caller)
  }

  async #sendAll(caller: string, queue: Queue): Promise<void> {
    queue.isSending = true
    for (let next = queue.turns.shift(); next; next = queue.turns.shift()) {
      queue.current = next.token
      await this.#send(next, () => this.#isStopped || queue.current === null).catch(() => {})
      this.#leave(caller, queue, 1)
    }
    queue.isSending = false
  }

  async #send({ url, body }: Callback, isOver: () => boolean): Promise<void> {
    const text = isOver() ? null : await body()
    for (let tries = 0; text !== null && tries < CALLBACK_TRIES; tries++) {
      if (isOver() || this.#policy === null) return
      const { status } = await callWebhook(new URL(url), {}, text, this.#policy, [], 'PUT')
      // Judge0 takes any answer.
      if (status !== null) return
    }
  }
}

function newQueue(): Queue {
  return { count: 0, isSending: false, turns: [], current: null }
}
