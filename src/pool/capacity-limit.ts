/** A pool, as the capacity limit counts it. */
export interface Member {
  /** Executors that the pool keeps ready. */
  readonly floor: number
  /** Called each time that a place becomes free. */
  readonly wake: () => void
  /** Executors of the pool that are being made or exist. */
  alive: number
}

/**
 * Limits how many executors all pools together make at once, and how many may exist. A place is taken or
 * given back in one synchronous step.
 *
 * Invariant: no pool takes the last places that another pool needs. Each pool owns as many places as it keeps
 * ready, or an equal share where these do not all fit. The places beyond that go to the pool that asks first.
 */
export class CapacityLimit {
  readonly #maxMaking: number
  #maxAlive: number
  readonly #members: Member[] = []
  #turn = 0
  #making = 0
  #alive = 0
  /** Places of sandboxes that belong to no pool. */
  #occupied = 0
  /** The pool that asked for a place of its own while others held it; null: none. */
  #creditor: Member | null = null
  /** Called when a member finds no place because too many exist. Must not throw, and must not take a place. */
  onShort: (member: Member) => void = () => {}

  /** @param maxAlive at least one for each pool that joins */
  constructor(maxMaking: number, maxAlive: number) {
    this.#maxMaking = maxMaking
    this.#maxAlive = maxAlive
  }

  /**
   * Adds a pool, at any time: there is a place for each, whatever the limit.
   * @param floor executors that the pool keeps ready
   * @param wake called each time that a place becomes free
   */
  join(floor: number, wake: () => void): Member {
    const member = { floor, wake, alive: 0 }
    this.#members.push(member)
    this.#maxAlive = Math.max(this.#maxAlive, this.#members.length)
    return member
  }

  /** Takes a pool out that has no executors any more. */
  leave(member: Member): void {
    this.#members.splice(this.#members.indexOf(member), 1)
    if (this.#creditor === member) this.#creditor = null
    if (this.#members.length > 0) this.#wake()
  }

  /** Tells whether a pool shall give up one that is ready, for a pool that joined later and has no place. */
  owes(member: Member): boolean {
    const isOver = member.alive > this.#reserveOf(member)
    return this.#creditor !== null && this.#creditor !== member && isOver
  }

  /** Tells whether as many are being made as may be at once: a place may be free as soon as one of them is made. */
  get isMakingMost(): boolean {
    return this.#making >= this.#maxMaking
  }

  /** Tells whether as many exist as may exist at once. */
  get isFull(): boolean {
    return this.#alive >= this.#maxAlive
  }

  /** Returns how many places a member can have while all others have theirs; at least 1. */
  mostOf(member: Member): number {
    const others = this.#members.filter((other) => other !== member)
    const reserved = others.reduce((sum, other) => sum + this.#reserveOf(other), 0)
    return Math.max(1, this.#maxAlive - this.#occupied - reserved)
  }

  /**
   * Takes places for an executor that is about to be made. Returns false when there are none for it.
   * @param places more than one for a sandbox that may hold more memory than a run's
   */
  tryEnter(member: Member, places = 1): boolean {
    const hasOwnPlace = member.alive < this.#reserveOf(member)
    if (this.#alive >= this.#maxAlive && hasOwnPlace && member.alive === 0) this.#creditor = member
    if (this.#making >= this.#maxMaking) return false
    const kept = hasOwnPlace ? 0 : this.#keptForOthers(member)
    if (this.#alive + places + kept > this.#maxAlive) {
      this.onShort(member)
      return false
    }
    if (this.#creditor === member) this.#creditor = null
    this.#making++
    this.#alive += places
    member.alive += places
    return true
  }

  /** Tells that the making of an executor succeeded or failed. */
  made(): void {
    this.#making--
    this.#wake()
  }

  /** Gives back the places of an executor that is gone. */
  left(member: Member, places = 1): void {
    this.#alive -= places
    member.alive -= places
    this.#wake()
  }

  /** Takes a place, even beyond the limit, for a sandbox of no pool, until its removal succeeds. */
  occupy(removal: Promise<void>): void {
    this.#alive++
    this.#occupied++
    removal.then(
      () => {
        this.#alive--
        this.#occupied--
        this.#wake()
      },
      () => {},
    )
  }

  #reserveOf(member: Member): number {
    const places = Math.max(0, this.#maxAlive - this.#occupied)
    return Math.min(member.floor, Math.floor(places / this.#members.length))
  }

  /** Counts the places that other pools own and do not use. */
  #keptForOthers(member: Member): number {
    let kept = 0
    for (const other of this.#members) {
      if (other !== member) kept += Math.max(0, this.#reserveOf(other) - other.alive)
    }
    return kept
  }

  /** Wakes all pools, each time starting with the next one. */
  #wake(): void {
    const first = this.#turn++ % this.#members.length
    for (const { wake } of [...this.#members.slice(first), ...this.#members.slice(0, first)]) wake()
  }
}
