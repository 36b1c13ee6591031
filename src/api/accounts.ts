/**
 * The one place that decides who pays for what the manager holds outside of sandboxes. Everything that
 * is held for a caller is an entry in a budget: it is on that caller's account until it is released.
 */

export interface AccountLimits {
  /** Request bodies, in bytes, until an executor has taken the run: of all callers, and of one. */
  readonly uploadBytes: number
  readonly uploadBytesPerCaller: number
  /** Answers, in bytes, until they have been read: of all callers, and of one. */
  readonly answerBytes: number
  readonly answerBytesPerCaller: number
}

export class Accounts {
  readonly uploads: Budget
  readonly answers: Budget
  /** What runs have left and their callers may read later. */
  readonly results: Budget

  constructor(limits: AccountLimits) {
    this.uploads = new Budget({
      total: limits.uploadBytes,
      perCaller: limits.uploadBytesPerCaller,
      evictFirst: 'youngest',
    })
    // The oldest is the one that its caller leaves unread.
    this.answers = new Budget({
      total: limits.answerBytes,
      perCaller: limits.answerBytesPerCaller,
      evictFirst: 'oldest',
    })
    this.results = new Budget({
      total: Math.floor(limits.answerBytes / 4),
      perCaller: Math.floor(limits.answerBytes / 8),
      evictFirst: 'oldest',
    })
  }
}

export interface BudgetLimits {
  /** Bytes that may be held for one caller. */
  readonly perCaller: number
  /** Bytes that may be held for all callers together. */
  readonly total: number
  /** Which entry goes first when a caller who holds less needs room. */
  readonly evictFirst: 'oldest' | 'youngest'
}

/** Bytes held for one thing of a caller. */
export interface Entry {
  readonly bytes: number
  /**
   * Takes bytes more, unless that exceeds what this caller or all may hold.
   * @returns whether they were taken; an entry that was evicted or released takes none
   */
  add(bytes: number): boolean
  /** Takes bytes that are there already, such as an answer. Others give way where they can. */
  force(bytes: number): void
  /** Gives everything back. May be called again. */
  release(): void
}

/**
 * Bytes of one kind, by caller.
 *
 * When all together would hold too much, the caller who holds most gives way, not the one who comes: a
 * caller who holds little gets in however much the others hold.
 */
export class Budget {
  readonly #limits: BudgetLimits
  readonly #accounts = new Map<string, Account>()
  #total = 0
  /** Called when an entry has given back what it held. */
  onRelease: () => void = () => {}

  constructor(limits: BudgetLimits) {
    this.#limits = limits
  }

  /** Bytes held for all callers. */
  get total(): number {
    return this.#total
  }

  /** Bytes held for a caller. */
  heldFor(caller: string): number {
    return this.#accounts.get(caller)?.bytes ?? 0
  }

  /** Entries of a caller that hold something. */
  entriesOf(caller: string): number {
    return this.#accounts.get(caller)?.entries.size ?? 0
  }

  /** Whether a caller may be given something whose size is not known yet. */
  hasRoom(caller: string): boolean {
    return this.heldFor(caller) < this.#limits.perCaller
  }

  /** @param evict ends what the entry stands for; its bytes have been given back by then */
  open(caller: string, evict: () => void): Entry {
    const held: Held = { caller, bytes: 0, state: 'open', evict }
    return {
      get bytes() {
        return held.bytes
      },
      add: (bytes) => {
        if (held.state === 'closed') return false
        if (this.heldFor(caller) + bytes > this.#limits.perCaller) return false
        if (!this.#makeRoom(held, bytes)) return false
        this.#take(held, bytes)
        return true
      },
      force: (bytes) => {
        if (held.state === 'closed') return
        this.#take(held, bytes)
        this.#makeRoom(held, 0)
      },
      release: () => this.#release(held),
    }
  }

  #take(held: Held, bytes: number): void {
    const account = this.#accounts.get(held.caller) ?? { bytes: 0, entries: new Set() }
    this.#accounts.set(held.caller, account)
    account.entries.add(held)
    account.bytes += bytes
    held.bytes += bytes
    this.#total += bytes
  }

  #release(held: Held): void {
    if (held.state === 'closed') return
    held.state = 'closed'
    const account = this.#accounts.get(held.caller)
    if (!account?.entries.delete(held)) return
    account.bytes -= held.bytes
    this.#total -= held.bytes
    if (account.entries.size === 0) this.#accounts.delete(held.caller)
    this.onRelease()
  }

  /** Evicts until `bytes` more fit. @returns false when the caller itself holds the most */
  #makeRoom(held: Held, bytes: number): boolean {
    while (this.#total + bytes > this.#limits.total) {
      const most = this.#largest()
      if (!most || most.bytes < this.heldFor(held.caller) + bytes) return false
      const entries = [...most.entries].filter((entry) => entry !== held)
      const victim = this.#limits.evictFirst === 'oldest' ? entries[0] : entries.at(-1)
      if (!victim) return false
      this.#release(victim)
      victim.evict()
    }
    return true
  }

  #largest(): Account | null {
    let most: Account | null = null
    for (const account of this.#accounts.values()) {
      if (!most || account.bytes > most.bytes) most = account
    }
    return most
  }
}

interface Account {
  bytes: number
  readonly entries: Set<Held>
}

interface Held {
  readonly caller: string
  bytes: number
  state: 'open' | 'closed'
  readonly evict: () => void
}
