import { createSocket, type RemoteInfo, type Socket } from 'node:dgram'
import { promises as dns } from 'node:dns'
import { once } from 'node:events'
import packet, { type DecodedPacket } from 'dns-packet'
import { allowsName, type EgressPolicy, isRefusedAddress, plainHostName } from './egress-policy.ts'

/** Bytes of one answer over UDP (RFC 1035, section 4.2.1), in which the name stands again with each address. */
const MOST_ANSWER_BYTES = 512
/** Bytes of an answer without any name: its head, the question, one address. */
const HEAD_BYTES = 12
const QUESTION_BYTES = 4
const ADDRESS_BYTES = 14
/** Questions of one sandbox that are looked up at the same time. */
const MOST_OPEN_QUESTIONS = 16
const MOST_QUESTION_BYTES = 512
const UPSTREAM_TIMEOUT_MS = 2000
const UPSTREAM_TRIES = 2

/** Response codes (RFC 1035, section 4.1.1), in the low bits of the flags. */
const NO_ERROR = 0
const SERVER_FAILURE = 2
const NO_SUCH_NAME = 3
const REFUSED = 5

/** The sandbox that a question came from. */
export interface Asker {
  /**
   * Opens these addresses to it. Called before it gets them as an answer.
   * @returns false when it has had too many addresses
   */
  pin(addresses: readonly string[]): Promise<boolean>
  /** Counts a refused name: one that the policy refuses, or that has refused addresses only. */
  refused(): void
}

export interface ResolverOptions {
  /** Null: every name is looked up. */
  readonly policy: EgressPolicy | null
  /** Name servers to ask, `address` or `address:port`; empty: the host's. */
  readonly upstream: readonly string[]
  /**
   * Returns the sandbox that has this address, the same object as long as it has it. A question from another
   * address is not answered.
   */
  asker(address: string): Asker | undefined
}

/**
 * The name server of all sandboxes. It answers questions for IPv4 addresses of allowed names, and no others, so
 * that names carry no other data in or out. It leaves out addresses that are always refused. Its callers are
 * hostile: the size, number and rate of questions are bounded.
 */
export class Resolver {
  readonly #options: ResolverOptions
  readonly #upstream: dns.Resolver
  readonly #open = new WeakMap<Asker, number>()
  #socket: Socket | null = null

  constructor(options: ResolverOptions) {
    this.#options = options
    this.#upstream = new dns.Resolver({ timeout: UPSTREAM_TIMEOUT_MS, tries: UPSTREAM_TRIES })
    if (options.upstream.length > 0) this.#upstream.setServers(options.upstream)
  }

  /** Starts to answer. Returns its UDP port on the loopback address. */
  async listen(): Promise<number> {
    const socket = createSocket('udp4')
    this.#socket = socket
    socket.on('message', (message, from) => void this.#take(message, from))
    socket.bind(0, '127.0.0.1')
    await once(socket, 'listening')
    socket.on('error', () => {}) // An answer that cannot be sent is lost, as any UDP packet may be.
    return socket.address().port
  }

  /** Stops answering. May be called again. */
  close(): void {
    this.#socket?.close()
    this.#socket = null
    this.#upstream.cancel()
  }

  async #take(message: Buffer, from: RemoteInfo): Promise<void> {
    const asker = this.#options.asker(from.address)
    if (!asker || message.length > MOST_QUESTION_BYTES) return
    const open = this.#open.get(asker) ?? 0
    if (open >= MOST_OPEN_QUESTIONS) return
    let question: DecodedPacket
    try {
      question = packet.decode(message)
    } catch {
      return
    }
    if (question.type !== 'query' || question.questions?.length !== 1) return
    this.#open.set(asker, open + 1)
    try {
      const answer = await this.#answer(asker, question)
      // Another sandbox may have the address now.
      if (this.#options.asker(from.address) !== asker) return
      this.#socket?.send(answer, from.port, from.address, () => {})
    } catch {
      // The question cannot even be repeated in an error: send no answer.
    } finally {
      this.#open.set(asker, (this.#open.get(asker) ?? 1) - 1)
    }
  }

  async #answer(asker: Asker, question: DecodedPacket): Promise<Buffer> {
    const [asked] = question.questions as [packet.Question]
    const { code, addresses, ttl } = await this.#lookUp(asker, asked)
    return packet.encode({
      type: 'response',
      id: question.id ?? 0,
      flags: packet.RECURSION_DESIRED | packet.RECURSION_AVAILABLE | code,
      questions: [asked],
      answers: addresses.map((data) => ({ type: 'A', name: asked.name, ttl, data })),
    })
  }

  async #lookUp(asker: Asker, { name, type, class: kind }: packet.Question) {
    const nothing = (code: number) => ({ code, addresses: [] as string[], ttl: 0 })
    const plain = plainHostName(name)
    if (plain === null || !allowsName(this.#options.policy, plain)) {
      asker.refused()
      return nothing(REFUSED)
    }
    // No IPv6 addresses: a program that asks for both kinds uses IPv4 then.
    if (type !== 'A' || (kind !== 'IN' && kind !== undefined)) return nothing(NO_ERROR)
    try {
      const found = await this.#upstream.resolve4(plain, { ttl: true })
      const addresses = found
        .map((record) => record.address)
        .filter((address) => !isRefusedAddress(address))
        .slice(0, mostAddresses(plain))
      if (addresses.length === 0) {
        asker.refused()
        return nothing(REFUSED)
      }
      if (!(await asker.pin(addresses))) return nothing(REFUSED)
      return { code: NO_ERROR, addresses, ttl: Math.min(...found.map((record) => record.ttl)) }
    } catch (error) {
      const { code } = error as NodeJS.ErrnoException
      if (code === 'ENOTFOUND') return nothing(NO_SUCH_NAME)
      return nothing(code === 'ENODATA' ? NO_ERROR : SERVER_FAILURE)
    }
  }
}

/** Returns how many addresses of a name fit into one answer; at least one. */
function mostAddresses(name: string): number {
  const nameBytes = name.length + 2
  const left = MOST_ANSWER_BYTES - HEAD_BYTES - nameBytes - QUESTION_BYTES
  return Math.max(1, Math.floor(left / (nameBytes + ADDRESS_BYTES)))
}
