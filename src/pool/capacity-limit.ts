/** A pool as the gate knows it. */
export interface Member {
  /** Executors that the pool keeps ready. */
  readonly floor: number
  /** Called whenever a place has become free. */
  readonly wake: () => void
  /** Executors of the pool that are being made or exist. */
  alive: number
}

/**
 * What the pools of all runtimes share: how many executors are made at once, and how many there may
 * be in all. Places are taken and given back in one synchronous step.
 *
 * Each pool has places of its own that no other pool takes: as many as it keeps ready, or an equal
 * share where these do not all fit. So no pool starves another. Whoever asks first gets what is left.
 */
export class CapacityLimit {
  readonly #maxMaking: number
  readonly #maxAlive: number
  readonly #members: Member[] = []
  #turn = 0
  #making = 0
  #alive = 0
  /** Places of sandboxes that no pool has. */
  #occupied = 0

  /** @param maxAlive at least one for each pool that joins */
  constructor(maxMaking: number, maxAlive: number) {
    this.#maxMaking = maxMaking
    this.#maxAlive = maxAlive
  }

  /** Lets a pool in. All pools join before the first of them makes an executor. */
  join(floor: number, wake: () => void): Member {
    const member = { floor, wake, alive: 0 }
    this.#members.push(member)
    return member
  }

  /** Takes a place for an executor that is about to be made. */
  tryEnter(member: Member): boolean {
    if (this.#making >= this.#maxMaking || this.#alive >= this.#maxAlive) return false
    const hasOwnPlace = member.alive < this.#reserveOf(member)
    if (!hasOwnPlace && this.#alive + this.#keptForOthers(member) >= this.#maxAlive) return false
    this.#making++
    this.#alive++
    member.alive++
    return true
  }

  /** The making is over, well or badly. */
  made(): void {
    this.#making--
    this.#wake()
  }

  /** An executor is gone. */
  left(member: Member): void {
    this.#alive--
    member.alive--
    this.#wake()
  }

  /** Takes a place for a sandbox that no pool has, until it is removed; beyond the bound if it must. */
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

  /** Places that other pools own and do not use. */
  #keptForOthers(member: Member): number {
    let kept = 0
    for (const other of this.#members) {
      if (other !== member) kept += Math.max(0, this.#reserveOf(other) - other.alive)
    }
    return kept
  }

  /** Asks every pool, beginning with another one each time. */
  #wake(): void {
    const first = this.#turn++ % this.#members.length
    for (const { wake } of [...this.#members.slice(first), ...this.#members.slice(0, first)]) wake()
  }
}
