import { Contexts } from './contexts.ts'
import type { KeptSandbox, KeptSandboxes } from './engine.ts'
import type { Residence } from './residence.ts'

/** A sandbox that waits for a session, and its contexts: the process of the first one is started. */
export interface ReadySandbox {
  readonly sandbox: KeptSandbox
  readonly contexts: Contexts
}

export interface ReadySettings {
  /** Kept of each template in use; 0: none is made ahead. */
  readonly size: number
  /** Whether processors are free to make one: no run waits for an executor. */
  readonly mayMake: () => boolean
  /** One could not be made. Must not throw. */
  readonly failed: (template: string, error: Error) => void
}

/** How long after its last session a template still has ready ones. */
const WANTED_MS = 30 * 60_000
/** How long none is made after one was given up: what needed the memory may need more. */
const GIVEN_UP_MS = 30_000
const FIRST_RETRY_MS = 5000
const LAST_RETRY_MS = 5 * 60_000

/** The ready sandboxes of one template. */
interface Stock {
  readonly template: string
  readonly sandboxes: KeptSandboxes
  readonly ready: ReadySandbox[]
  /** performance.now(), as all times here. */
  wantedUntilMs: number
  failures: number
  retryAtMs: number
}

/**
 * Sandboxes that are made before anybody asks for a session, and stand still until then. Each is booted by itself,
 * not copied: no two share randomness. They are the last to get memory and the first to give it back.
 */
export class ReadySandboxes {
  readonly #settings: ReadySettings
  readonly #memory: Residence
  readonly #stocks = new Map<string, Stock>()
  #making: Promise<void> | null = null
  readonly #releasing = new Set<Promise<void>>()
  #notBeforeMs = 0
  #isClosed = false

  constructor(settings: ReadySettings, memory: Residence) {
    this.#settings = settings
    this.#memory = memory
  }

  /** Has some of this template kept ready for a while; they are made by look(). */
  want(template: string, sandboxes: KeptSandboxes): void {
    if (this.#settings.size === 0 || this.#isClosed) return
    const wantedUntilMs = performance.now() + WANTED_MS
    const stock = this.#stocks.get(sandboxes.key)
    if (stock) stock.wantedUntilMs = wantedUntilMs
    else {
      const fresh = { ready: [], failures: 0, retryAtMs: 0 }
      this.#stocks.set(sandboxes.key, { template, sandboxes, wantedUntilMs, ...fresh })
    }
  }

  /** Takes the one that has waited longest, which belongs to the caller then; null: none is ready that it may have. */
  take(caller: string, template: string, sandboxes: KeptSandboxes): ReadySandbox | null {
    this.want(template, sandboxes)
    const { memoryBytes } = sandboxes.limits
    if (!this.#memory.mayHave({ caller, memoryBytes })) return null
    const taken = this.#stocks.get(sandboxes.key)?.ready.shift() ?? null
    if (!taken) return null
    this.#memory.give(taken.sandbox, caller)
    taken.sandbox.thaw()
    return taken
  }

  /** How many are ready of each template that is in use. */
  counts(): { template: string; count: number }[] {
    return [...this.#stocks.values()].map(({ template, ready }) => ({
      template,
      count: ready.length,
    }))
  }

  /**
   * Ends one, of the template whose last session is longest ago, and gives its memory back.
   * @returns whether there was one, once nothing of it is left
   */
  async giveUp(): Promise<boolean> {
    this.#notBeforeMs = performance.now() + GIVEN_UP_MS
    const stocks = [...this.#stocks.values()].filter(({ ready }) => ready.length > 0)
    const [oldest] = stocks.sort((one, other) => one.wantedUntilMs - other.wantedUntilMs)
    const given = oldest?.ready.shift()
    if (!given) return false
    await this.#release(given.sandbox)
    return true
  }

  /** Makes one if one is missing, at most one at a time, and ends those that nobody asks for. To be called often. */
  look(): void {
    if (this.#isClosed) return
    const now = performance.now()
    for (const [key, stock] of this.#stocks) {
      if (now < stock.wantedUntilMs) continue
      this.#stocks.delete(key)
      for (const { sandbox } of stock.ready) void this.#release(sandbox)
    }
    if (this.#making || now < this.#notBeforeMs || !this.#settings.mayMake()) return
    const { size } = this.#settings
    const isShort = ({ ready, retryAtMs }: Stock) => ready.length < size && now >= retryAtMs
    const stock = [...this.#stocks.values()].find(isShort)
    if (!stock) return
    this.#making = this.#make(stock).finally(() => {
      this.#making = null
    })
  }

  /** Ends all. Resolves when nothing of them is left. */
  async close(): Promise<void> {
    this.#isClosed = true
    await this.#making
    const ready = [...this.#stocks.values()].flatMap((stock) => stock.ready.splice(0))
    this.#stocks.clear()
    for (const { sandbox } of ready) void this.#release(sandbox)
    await Promise.all(this.#releasing)
  }

  async #make(stock: Stock): Promise<void> {
    const { template, sandboxes } = stock
    try {
      const { memoryBytes } = sandboxes.limits
      const sandbox = await this.#memory.makeIfFree(memoryBytes, () => sandboxes.create(false))
      if (sandbox) await this.#prepare(stock, sandbox)
      stock.failures = 0
    } catch (error) {
      if (this.#isClosed) return
      const waitMs = Math.min(FIRST_RETRY_MS * 2 ** stock.failures++, LAST_RETRY_MS)
      stock.retryAtMs = performance.now() + waitMs
      this.#settings.failed(template, error as Error)
    }
  }

  /** Starts the process of the first context, which answers then, and has the sandbox stand still. */
  async #prepare(stock: Stock, sandbox: KeptSandbox): Promise<void> {
    const { ready, sandboxes } = stock
    const contexts = new Contexts(sandboxes.kernels)
    const { baseBytes, channels } = sandbox
    const usage = () => ({ ...sandbox.use(), baseBytes })
    try {
      await contexts.prepare({ channels, env: {}, usage })
      if (!(await sandbox.freeze())) throw new Error('it does not come to rest')
    } catch (error) {
      await this.#release(sandbox)
      throw error
    }
    if (this.#isClosed || !this.#stocks.has(sandboxes.key)) return this.#release(sandbox)
    const one = { sandbox, contexts }
    ready.push(one)
    void sandbox.ended.then(() => {
      const place = ready.indexOf(one)
      if (place < 0) return
      ready.splice(place, 1)
      void this.#release(sandbox)
    })
  }

  #release(sandbox: KeptSandbox): Promise<void> {
    // What cannot be removed is told of by the engine, and keeps its place.
    const releasing = this.#memory.release(sandbox).catch(() => {})
    this.#releasing.add(releasing)
    return releasing.finally(() => this.#releasing.delete(releasing))
  }
}
