/** More are not remembered: those who were served longest ago then count as never served. */
const MOST_OWNERS = 10_000

/** Whose turn it is, among owners that wait for something of the same kind. */
export class OwnerTurns {
  /** When each was served last, the latest at the end. */
  readonly #served = new Map<string, number>()
  #turns = 0

  /** Tells that one of an owner's was taken. */
  served(owner: string): void {
    this.#served.delete(owner)
    this.#served.set(owner, this.#turns++)
    const [longestAgo] = this.#served.keys()
    if (this.#served.size > MOST_OWNERS && longestAgo) this.#served.delete(longestAgo)
  }

  /** Sorts those that wait: those first whose owner was not served for longest, else in their order. */
  order<T>(waiting: readonly T[], ownerOf: (one: T) => string): T[] {
    const lastTurn = (one: T) => this.#served.get(ownerOf(one)) ?? -1
    return [...waiting].sort((a, b) => lastTurn(a) - lastTurn(b))
  }
}
