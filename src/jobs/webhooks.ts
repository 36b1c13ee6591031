import { type CallbackPolicy, callbackIssue } from './callback-policy.ts'
import type { Delivery } from './delivery-rows.ts'
import { OwnerTurns } from './owner-turns.ts'
import { signedHeaders } from './signature.ts'
import type { StoreThread } from './thread.ts'
import { callWebhook } from './webhook-call.ts'

export interface WebhookSettings {
  /** Where calls may go; null: webhooks are switched off. */
  readonly policy: CallbackPolicy | null
  /** The operator's, for callers who give none; null: each has to give one. */
  readonly secret: string | null
  /** How long is waited before each next try; by default up to a day in all. */
  readonly delaysMs?: readonly number[]
}

const SECOND_MS = 1000
const HOUR_MS = 3_600_000
const DELAYS_MS = [5, 60, 300, 1800, 7200, 18_000, 36_000].map((s) => s * SECOND_MS)
const AT_ONCE = 16
const LOOK_MS = 250
const AT_ONCE_PER_OWNER = 2
/** Owners that are looked at for one call. */
const MOST_OWNERS = 1000
/** A receiver with this status wants no more. */
const GONE = 410

/**
 * Calls the webhooks of runs that have ended: signed, and again with growing delays until the receiver has
 * answered with a status of success, over restarts. A receiver may be called twice for one run, with the same
 * `webhook-id`. What is due lies in the store.
 */
export class Webhooks {
  readonly #thread: StoreThread
  readonly #settings: WebhookSettings
  readonly #onFailure: (error: Error) => void
  readonly #calls = new Map<number, { owner: string; done: Promise<void> }>()
  readonly #turns = new OwnerTurns()
  #timer: NodeJS.Timeout | null = null
  #serving: Promise<void> | null = null
  #isWanted = false
  #isStopped = false

  constructor(thread: StoreThread, settings: WebhookSettings, onFailure: (error: Error) => void) {
    this.#thread = thread
    this.#settings = settings
    this.#onFailure = onFailure
  }

  /** Tells that something may be due. */
  wake(): void {
    if (this.#isStopped) return
    this.#isWanted = true
    this.#serving ??= this.#serve()
      .catch((error) => {
        this.#onFailure(error as Error)
        this.#wakeAt(Date.now() + 5 * SECOND_MS)
      })
      .finally(() => {
        this.#serving = null
        if (this.#isWanted) this.wake()
      })
  }

  /** Begins no more calls. Those under way are made again after the next start, if they fail. */
  async stop(): Promise<void> {
    this.#isStopped = true
    clearTimeout(this.#timer ?? undefined)
    await this.#serving
  }

  async #serve(): Promise<void> {
    this.#isWanted = false
    // One of each owner in a round: who was not served for longest goes first, however long the others' lists are.
    for (let isNew = true; isNew && this.#hasRoom; ) {
      const underWay = [...this.#calls.keys()]
      const due = await this.#thread.ask('dueDeliveries', this.#busyOwners(), underWay, MOST_OWNERS)
      const inTurn = this.#turns.order(due, ({ owner }) => owner)
      isNew = inTurn.length > 0
      for (const delivery of inTurn.slice(0, AT_ONCE - this.#calls.size)) this.#begin(delivery)
    }
    if (!this.#hasRoom) return
    const nextMs = await this.#thread.ask('nextDueMs')
    // What is due by now waits for other calls of its owner, or has become so since it was looked up.
    if (nextMs !== null) this.#wakeAt(Math.max(nextMs, Date.now() + LOOK_MS))
  }

  get #hasRoom(): boolean {
    return this.#calls.size < AT_ONCE && !this.#isStopped
  }

  #begin(delivery: Delivery): void {
    const { run, owner } = delivery
    this.#turns.served(owner)
    const done = this.#deliver(delivery)
      .catch((error) => this.#onFailure(error as Error))
      .finally(() => {
        this.#calls.delete(run)
        this.wake()
      })
    this.#calls.set(run, { owner, done })
  }

  #busyOwners(): string[] {
    const owners = [...this.#calls.values()].map(({ owner }) => owner)
    return owners.filter((owner, index) => index - owners.indexOf(owner) >= AT_ONCE_PER_OWNER - 1)
  }

  async #deliver(delivery: Delivery): Promise<void> {
    const { run, url, attempts } = delivery
    const { policy } = this.#settings
    const secret = delivery.secret ?? this.#settings.secret
    // Settings may be others than those under which it was accepted.
    if (policy === null || secret === null || callbackIssue(policy, url) !== null) {
      await this.#thread.ask('deliveryDone', run)
      return
    }
    const body = bodyOf(delivery)
    const headers = signedHeaders(delivery.id, secret, body)
    const { status, retryAfterMs } = await callWebhook(new URL(url), headers, body, policy)
    const delayMs = (this.#settings.delaysMs ?? DELAYS_MS)[attempts]
    const isDone = (status !== null && status >= 200 && status < 300) || status === GONE
    if (isDone || delayMs === undefined) await this.#thread.ask('deliveryDone', run)
    else {
      const spreadMs = delayMs * (1 + Math.random() / 4)
      const waitMs = Math.max(spreadMs, Math.min(retryAfterMs ?? 0, HOUR_MS))
      await this.#thread.ask('deliverAgain', run, Math.round(Date.now() + waitMs))
    }
  }

  #wakeAt(ms: number): void {
    clearTimeout(this.#timer ?? undefined)
    if (this.#isStopped) return
    const inMs = Math.min(Math.max(0, ms - Date.now()), HOUR_MS)
    this.#timer = setTimeout(() => this.wake(), inMs).unref()
  }
}

/** Small: what the run has left is read where `url` says. */
function bodyOf({ id, status, detail, endedMs }: Delivery): string {
  return JSON.stringify({
    type: 'run.completed',
    timestamp: new Date(endedMs).toISOString(),
    data: { id, status, detail: detail.slice(0, 2000), url: `/v1/runs/${id}` },
  })
}
