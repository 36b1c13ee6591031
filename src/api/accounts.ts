/**
 * Accounts for everything that the manager holds for callers outside of sandboxes. Each thing that it holds is an
 * entry in a budget, on its caller's account until it is released.
 */

export interface AccountLimits {
  /** Request bodies, in bytes, until an executor has taken the run: of all callers, and of one. */
  readonly uploadBytes: number
  readonly uploadBytesPerCaller: number
  /** Answers, in bytes, until they have been read: of all callers, and of one. */
  readonly answerBytes: number
  readonly answerBytesPerCaller: number
}

/** Counts the bytes that are held for callers, for each kind of them within one budget for all. */
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
    // The oldest answer is the one that its caller does not read.
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
  /** Which entry is evicted first when a caller who holds less needs room. */
  readonly evictFirst: 'oldest' | 'youngest'
}

/** The bytes of one thing that is held for a caller. */
export interface Entry {
  readonly bytes: number
  /**
   * Adds bytes, unless this caller or all callers would then hold too much.
   * @returns whether they were added; false also for an entry that was evicted or released
   */
  add(bytes: number): boolean
  /** Adds bytes that exist already, such as an answer. Evicts other entries where possible. */
  force(bytes: number): void
  /** Removes all its bytes from the account. May be called again. */
  release(): void
}

/**
 * Counts bytes of one kind by caller.
 *
 * When all callers together would hold too much, an entry of the caller who holds most is evicted. So a caller who
 * holds little gets room however much the others hold.
 */
export class Budget {
  readonly #limits: BudgetLimits
  readonly #accounts = new Map<string, Account>()
  #total = 0
  /** Called when an entry has released its bytes. */
  onRelease: () => void = () => {}

  constructor(limits: BudgetLimits) {
    this.#limits = limits
  }

  /** Returns the bytes held for all callers. */
  get total(): number {
    return this.#total
  }

  /** Returns the bytes held for a caller. */
  heldFor(caller: string): number {
    return this.#accounts.get(caller)?.bytes ?? 0
  }

  /** Counts a caller's entries that hold bytes. */
  entriesOf(caller: string): number {
    return this.#accounts.get(caller)?.entries.size ?? 0
  }

  /** Tells whether a caller may get an entry whose size is not known yet. */
  hasRoom(caller: string): boolean {
    return this.heldFor(caller) < this.#limits.perCaller
  }

  /**
   * Opens an entry of a caller.
   * @param evict called when the entry is evicted, after its bytes are released: it ends the thing itself
   */
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

  /**
   * Evicts entries of other callers until `bytes` more fit.
   * @returns false when the caller itself holds the most
   */
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
