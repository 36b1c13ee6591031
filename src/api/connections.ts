import { readFileSync } from 'node:fs'
import type { Socket } from 'node:net'

/** Open connections at most, however many descriptors there are, because each takes memory. */
const MOST = 8192
/** How long a connection waits without a key before an idle one with a key is closed instead of it. */
const FIRST_WORD_MS = 1000

/**
 * Returns how many connections may be open at once: half of the file descriptors. The other half is for sandboxes:
 * if waiting callers held all of them, no sandbox could be made.
 */
export function maxConnections(limits = readFileSync('/proc/self/limits', 'utf8')): number {
  const openFiles = /^Max open files +(\d+)/m.exec(limits)?.[1]
  return Math.min(MOST, openFiles === undefined ? MOST : Math.floor(Number(openFiles) / 2))
}

/**
 *   waiting ──work()──► busy ──rest()──► idle, when its caller has shown a key
 *      ▲                  └────rest()──► waiting, else
 *
 * waiting: the caller has shown no key. busy: the caller waits for an answer. idle: kept for a caller with a key.
 */
interface Connection {
  readonly socket: Socket
  account: string
  state: 'waiting' | 'busy' | 'idle' | 'closed'
  hasKey: boolean
  since: number
}

/**
 * The open connections. When there are too many, in all or of one account, the connection that has waited longest
 * without a valid key is closed, and not the new one. When all are busy, the youngest of the account with the most
 * is closed. An account is a caller's address or, once it has shown a key, that key.
 */
export class Connections {
  readonly #most: number
  readonly #mostOfOne: number
  readonly #isShared: (address: string) => boolean
  readonly #bySocket = new WeakMap<object, Connection>()
  readonly #counts = new Map<string, number>()
  /** In the order in which they began to be so. */
  readonly #waiting = new Set<Connection>()
  readonly #idle = new Set<Connection>()
  /** In the order in which they came. */
  readonly #all = new Set<Connection>()
  #ended = 0

  /** @param isShared tells proxies: behind their address are many callers, who share no account */
  constructor(most: number, isShared: (address: string) => boolean) {
    this.#most = most
    this.#mostOfOne = Math.max(1, Math.ceil(most / 4))
    this.#isShared = isShared
  }

  get count(): number {
    return this.#all.size
  }

  /** Counts connections that were closed or refused because there were too many. */
  get ended(): number {
    return this.#ended
  }

  /**
   * Adds a connection.
   * @param account of the caller at the other end
   */
  add(socket: Socket, account: string): void {
    const connection: Connection = {
      socket,
      account,
      state: 'waiting',
      hasKey: false,
      since: performance.now(),
    }
    if (!this.#hasRoomFor(account)) {
      this.#ended++
      socket.destroy()
      return
    }
    this.#bySocket.set(socket, connection)
    this.#waiting.add(connection)
    this.#all.add(connection)
    this.#book(account, 1)
    socket.once('close', () => this.#remove(connection))
  }

  /** Adds another object of the same connection, such as its TLS socket. */
  alias(other: object, socket: object): void {
    const connection = this.#bySocket.get(socket)
    if (connection) this.#bySocket.set(other, connection)
  }

  /**
   * Marks a connection busy: its caller has shown this valid key, or waits for an answer.
   * @returns false when the key has more connections at work than its share
   */
  work(socket: object, keyName: string | null): boolean {
    const connection = this.#bySocket.get(socket)
    if (!connection || connection.state === 'closed') return true
    if (keyName !== null && !this.#showsKey(connection, keyName)) return false
    this.#waiting.delete(connection)
    this.#idle.delete(connection)
    connection.state = 'busy'
    return true
  }

  /** Marks a connection as no longer busy: its answer has been sent, or there was none. */
  rest(socket: object): void {
    const connection = this.#bySocket.get(socket)
    if (connection?.state !== 'busy') return
    connection.state = connection.hasKey ? 'idle' : 'waiting'
    connection.since = performance.now()
    ;(connection.hasKey ? this.#idle : this.#waiting).add(connection)
  }

  #showsKey(connection: Connection, keyName: string): boolean {
    const account = `key ${keyName}`
    if (connection.account === account) return true
    const fits = this.#accountHasRoom(account) || this.#end(this.#first(this.#idle, account))
    if (!fits) return false
    connection.hasKey = true
    this.#book(connection.account, -1)
    connection.account = account
    this.#book(account, 1)
    return true
  }

  #hasRoomFor(account: string): boolean {
    if (!this.#isShared(account) && !this.#accountHasRoom(account)) {
      if (!this.#end(this.#first(this.#waiting, account))) return false
    }
    return this.#all.size < this.#most || this.#end(this.#leastNeeded() ?? this.#greediest(account))
  }

  #accountHasRoom(account: string): boolean {
    return (this.#counts.get(account) ?? 0) < this.#mostOfOne
  }

  #leastNeeded(): Connection | undefined {
    const [waiting] = this.#waiting
    const [idle] = this.#idle
    const hadItsTime = waiting && performance.now() - waiting.since >= FIRST_WORD_MS
    return hadItsTime ? waiting : (idle ?? waiting)
  }

  /** Finds the youngest connection of the account with the most, if that has more than this one. */
  #greediest(account: string): Connection | undefined {
    let most = account
    for (const [other, count] of this.#counts) {
      if (count > (this.#counts.get(most) ?? 0) + (most === account ? 1 : 0)) most = other
    }
    return most === account ? undefined : this.#first([...this.#all].reverse(), most)
  }

  #first(connections: Iterable<Connection>, account: string): Connection | undefined {
    for (const connection of connections) if (connection.account === account) return connection
    return undefined
  }

  #end(connection: Connection | undefined): boolean {
    if (!connection) return false
    this.#ended++
    this.#remove(connection)
    connection.socket.destroy()
    return true
  }

  #remove(connection: Connection): void {
    if (connection.state === 'closed') return
    connection.state = 'closed'
    this.#all.delete(connection)
    this.#waiting.delete(connection)
    this.#idle.delete(connection)
    this.#book(connection.account, -1)
  }

  #book(account: string, change: number): void {
    const count = (this.#counts.get(account) ?? 0) + change
    if (count > 0) this.#counts.set(account, count)
    else this.#counts.delete(account)
  }
}
