import { mkdirSync, readFileSync, writeFileSync } from 'node:fs'
import path from 'node:path'
import { setTimeout as sleep } from 'node:timers/promises'
import { ManagerError } from '../errors.ts'
import { scaledMs } from '../lib/time-scale.ts'
import { BLOCKS, devicePrefix, LINKS, linkOf } from './address-block.ts'
import type { EgressPolicy } from './egress-policy.ts'
import { Links, type NetworkLink } from './links.ts'
import { namespacesFolder, removeNetwork, tableOf } from './removal.ts'
import { type Asker, Resolver } from './resolver.ts'
import { ruleset } from './ruleset.ts'
import { nft } from './tools.ts'

export interface EgressSettings {
  /** Null: all public addresses. */
  readonly policy: EgressPolicy | null
  /** Name servers to ask, `address` or `address:port`; empty: the host's. */
  readonly nameServers: readonly string[]
}

/** A network namespace that one sandbox has for itself. */
export interface NetworkLease {
  /** What setns(2) is given to enter it. */
  readonly namespaceFile: string
  /** Connections and names refused so far, counted outside of the sandbox. */
  refusals(): Promise<number>
  /** Gives it back, all processes in it having ended. May be called more than once. */
  release(): void
}

/** The manager whose network it is: its mark, and its folder of runtime files. */
interface NetworkOwner {
  readonly name: string
  readonly runFolder: string
}

/** What the resolver did for the sandbox that has a link. */
interface Tenant {
  /** Addresses that its names opened, each with when the filter knows. */
  readonly pinned: Map<string, Promise<void>>
  refusedNames: number
  readonly asker: Asker
}

/** Links kept ready beyond those in use. */
const SPARE_LINKS = 2
/** Addresses that names may open to one sandbox. */
const MOST_PINNED = 256
/** How long a link that could not be reset waits until that is tried again: longer each time, to this. */
const RESET_AGAIN_MS = scaledMs(1000)
const RESET_AGAIN_AT_MOST_MS = scaledMs(8000)
/** How long removing everything may take at the end; what is left then is for the next start. */
const REMOVE_MS = scaledMs(2000)

/**
 * Gives sandboxes a way out: a network namespace for each, linked to the host by a veth pair, behind one
 * packet filter and one name server. Links are made ahead. A link is used again after a reset that
 * removes everything of the sandbox that had it.
 */
export class EgressNetwork {
  readonly #settings: EgressSettings
  readonly #owner: NetworkOwner
  readonly #links: Links
  readonly #resolver: Resolver
  readonly #onRefused: (count: number) => void
  readonly #free: NetworkLink[] = []
  /** By the address of the sandbox. */
  readonly #tenants = new Map<string, Tenant>()
  readonly #work = new Set<Promise<void>>()
  #block = 0
  /** Numbers of links, used from the first on; and those of them that could not be made. */
  #made = 0
  readonly #unused: number[] = []
  /** Ends the programs that make or reset links. */
  readonly #closing = new AbortController()

  private constructor(
    owner: NetworkOwner,
    settings: EgressSettings,
    onRefused: (count: number) => void,
  ) {
    this.#settings = settings
    this.#owner = owner
    this.#links = new Links(tableOf(owner.name), this.#closing.signal)
    this.#onRefused = onRefused
    this.#resolver = new Resolver({
      policy: settings.policy,
      upstream: settings.nameServers,
      asker: (guest) => this.#tenants.get(guest)?.asker,
    })
  }

  /**
   * Sets the filter and the name server up, and makes the first link.
   * @param onRefused told how many connections and names a sandbox was refused, at its end
   * @throws ManagerError SETUP_FAILED when this machine cannot do it: a sandbox never gets a network
   *   that is not filtered
   */
  static async open(
    owner: NetworkOwner,
    settings: EgressSettings,
    onRefused: (count: number) => void,
  ): Promise<EgressNetwork> {
    const network = new EgressNetwork(owner, settings, onRefused)
    try {
      await network.#open()
    } catch (error) {
      await network.close().catch(() => {})
      throw new ManagerError(
        'SETUP_FAILED',
        `SANDBOX_NETWORK=egress cannot work here (${(error as Error).message}): it needs iproute2, nftables and conntrack, and a kernel with veth and nf_tables; or set SANDBOX_NETWORK=none.`,
        { cause: error },
      )
    }
    return network
  }

  async #open(): Promise<void> {
    mkdirSync(namespacesFolder(this.#owner.runFolder), { recursive: true })
    this.#block = freeBlock()
    const resolverPort = await this.#resolver.listen()
    const { policy } = this.#settings
    const table = tableOf(this.#owner.name)
    const rules = ruleset({ table, block: this.#block, resolverPort, policy })
    await nft(rules, this.#closing.signal)
    allowForwarding()
    this.#free.push(await this.#make())
  }

  /**
   * Gives a sandbox a network namespace that no other sandbox has.
   * @throws ManagerError NETWORK_FAILED
   */
  async acquire(): Promise<NetworkLease> {
    const link = this.#free.shift() ?? (await this.#make())
    this.#keepSpare()
    const tenant: Tenant = {
      pinned: new Map(),
      refusedNames: 0,
      asker: {
        pin: (addresses) => this.#pin(link, tenant, addresses),
        refused: () => void tenant.refusedNames++,
      },
    }
    this.#tenants.set(link.guest, tenant)
    return {
      namespaceFile: link.namespaceFile,
      refusals: async () => tenant.refusedNames + (await this.#links.refusedConnections(link)),
      release: () => {
        if (this.#tenants.get(link.guest) !== tenant) return
        this.#tenants.delete(link.guest)
        this.#track(this.#recycle(link, tenant))
      },
    }
  }

  /**
   * Removes namespaces, links and rules. All sandboxes must be gone.
   * @throws ManagerError NETWORK_FAILED when the rules are still there
   */
  async close(): Promise<void> {
    this.#closing.abort()
    this.#resolver.close()
    await Promise.allSettled(this.#work)
    const { name, runFolder } = this.#owner
    await removeNetwork(name, runFolder, AbortSignal.timeout(REMOVE_MS))
  }

  #keepSpare(): void {
    const isClosing = this.#closing.signal.aborted
    if (isClosing || this.#free.length >= SPARE_LINKS || this.#made >= LINKS) return
    this.#track(
      this.#make().then(
        (link) => void this.#free.push(link),
        () => {}, // The next acquire() tries again, and reports the failure.
      ),
    )
  }

  async #make(): Promise<NetworkLink> {
    if (this.#made >= LINKS && this.#unused.length === 0) {
      throw new ManagerError(
        'NETWORK_FAILED',
        `No more than ${LINKS} sandboxes can have a network.`,
      )
    }
    const index = this.#unused.pop() ?? this.#made++
    const namespaceFile = path.join(namespacesFolder(this.#owner.runFolder), `${index}`)
    const link = { ...linkOf(this.#block, index), namespaceFile }
    try {
      await this.#links.build(link)
      return link
    } catch (error) {
      await this.#links.discard(link)
      this.#unused.push(index)
      throw error
    }
  }

  /** Resets a link until that succeeds. Only then may another sandbox have it. */
  async #recycle(link: NetworkLink, tenant: Tenant): Promise<void> {
    const { signal } = this.#closing
    for (let againMs = RESET_AGAIN_MS; !signal.aborted; ) {
      try {
        await Promise.allSettled(tenant.pinned.values())
        const refused = await this.#links.reset(link, tenant.pinned.keys())
        if (refused + tenant.refusedNames > 0) this.#onRefused(refused + tenant.refusedNames)
        this.#free.push(link)
        return
      } catch {
        await sleep(againMs, undefined, { signal }).catch(() => {})
        againMs = Math.min(2 * againMs, RESET_AGAIN_AT_MOST_MS)
      }
    }
  }

  /** Opens addresses that a name has. The sandbox is told of them when its packets pass. */
  async #pin(link: NetworkLink, tenant: Tenant, addresses: readonly string[]): Promise<boolean> {
    if (!this.#settings.policy) return true
    const { pinned } = tenant
    const fresh = addresses.filter((address) => !pinned.has(address))
    // A late answer to a sandbox that is gone opens nothing to the next one.
    const isCurrent = this.#tenants.get(link.guest) === tenant
    if (!isCurrent || pinned.size + fresh.length > MOST_PINNED) return false
    if (fresh.length > 0) {
      const done = this.#links.open(link, fresh)
      for (const address of fresh) pinned.set(address, done)
    }
    await Promise.all(addresses.map((address) => pinned.get(address)))
    return true
  }

  #track(work: Promise<void>): void {
    this.#work.add(work)
    void work.catch(() => {}).finally(() => this.#work.delete(work))
  }
}

/** Finds a block of addresses that no living manager's links are in. */
function freeBlock(): number {
  // Not /sys/class/net: it shows the network namespace that it was mounted in.
  const devices = readFileSync('/proc/self/net/dev', 'utf8')
    .split('\n')
    .map((line) => line.trim())
  for (let offset = 0; offset < BLOCKS; offset++) {
    const block = (process.pid + offset) % BLOCKS
    if (!devices.some((device) => device.startsWith(devicePrefix(block)))) return block
  }
  throw new ManagerError('NETWORK_FAILED', 'all blocks of addresses are in use')
}

function allowForwarding(): void {
  const file = '/proc/sys/net/ipv4/ip_forward'
  if (readFileSync(file, 'utf8').trim() !== '1') writeFileSync(file, '1')
}
