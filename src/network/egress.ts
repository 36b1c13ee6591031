import { existsSync, mkdirSync, readdirSync, readFileSync, rmSync, writeFileSync } from 'node:fs'
import path from 'node:path'
import { setTimeout as sleep } from 'node:timers/promises'
import { ManagerError } from '../errors.ts'
import { BLOCKS, devicePrefix, LINKS, type Link, linkOf } from './address-block.ts'
import type { EgressPolicy } from './policy.ts'
import { type Asker, Resolver } from './resolver.ts'
import { ruleset } from './ruleset.ts'
import { feed, inNamespace, ip, nft } from './tools.ts'

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

interface Slot extends Link {
  readonly namespaceFile: string
}

/** What the resolver did for the sandbox that has a slot. */
interface Tenant {
  /** Addresses that its names opened, each with when the filter knows. */
  readonly pinned: Map<string, Promise<void>>
  refusedNames: number
  readonly asker: Asker
}

/** Folder below a manager's own that its network namespaces are mounted in. */
const NAMESPACES = 'network'
/** Namespaces kept ready beyond those in use. */
const SPARE_SLOTS = 2
/** Addresses that names may open to one sandbox. */
const MOST_PINNED = 256
/** A kernel may have no IPv6, which is as well. */
const WITHOUT_IPV6 =
  'f=/proc/sys/net/ipv6/conf/all/disable_ipv6; if [ -e $f ]; then echo 1 >$f; fi; exec "$0" "$@"'
/** conntrack's exit code for "nothing to delete" is a failure's: only its words tell them apart. */
const FORGET_FLOWS =
  'said=$(conntrack -D -s "$0" 2>&1 >/dev/null) || case $said in *" 0 flow entries"*) ;; *) echo "$said" >&2; exit 1 ;; esac'
const RECYCLE_ATTEMPTS = 5
const RECYCLE_AGAIN_MS = 1000

/**
 * The way out for sandboxes: a network namespace for each, linked to the host by a veth pair, behind
 * one packet filter and one name server. Namespaces are made ahead and used again after a reset that
 * leaves nothing of the sandbox before.
 */
export class EgressNetwork {
  readonly #settings: EgressSettings
  readonly #folder: string
  readonly #table: string
  readonly #resolver: Resolver
  readonly #onRefused: (count: number) => void
  readonly #free: Slot[] = []
  /** By the address of the sandbox. */
  readonly #tenants = new Map<string, Tenant>()
  readonly #work = new Set<Promise<void>>()
  #block = 0
  /** Numbers of links, used from the first on; and those of them that could not be made. */
  #made = 0
  readonly #unused: number[] = []
  #closing = false

  private constructor(
    owner: { name: string; runFolder: string },
    settings: EgressSettings,
    onRefused: (count: number) => void,
  ) {
    this.#settings = settings
    this.#folder = path.join(owner.runFolder, NAMESPACES)
    this.#table = tableOf(owner.name)
    this.#onRefused = onRefused
    this.#resolver = new Resolver({
      policy: settings.policy,
      upstream: settings.nameServers,
      asker: (guest) => this.#tenants.get(guest)?.asker,
    })
  }

  /**
   * @param onRefused told how many connections and names a sandbox was refused, at its end
   * @throws ManagerError SETUP_FAILED when this machine cannot do it: a sandbox never gets a network
   *   that is not filtered
   */
  static async open(
    owner: { name: string; runFolder: string },
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
    mkdirSync(this.#folder, { recursive: true })
    this.#block = freeBlock()
    const resolverPort = await this.#resolver.listen()
    const { policy } = this.#settings
    await nft(ruleset({ table: this.#table, block: this.#block, resolverPort, policy }))
    allowForwarding()
    this.#free.push(await this.#make())
  }

  /** @throws ManagerError NETWORK_FAILED */
  async acquire(): Promise<NetworkLease> {
    const slot = this.#free.shift() ?? (await this.#make())
    this.#keepSpare()
    const tenant: Tenant = {
      pinned: new Map(),
      refusedNames: 0,
      asker: {
        pin: (addresses) => this.#pin(slot.guest, tenant, addresses),
        refused: () => void tenant.refusedNames++,
      },
    }
    this.#tenants.set(slot.guest, tenant)
    return {
      namespaceFile: slot.namespaceFile,
      refusals: async () => tenant.refusedNames + (await this.#refusedConnections(slot)),
      release: () => {
        if (this.#tenants.get(slot.guest) !== tenant) return
        this.#tenants.delete(slot.guest)
        this.#track(this.#recycle(slot, tenant))
      },
    }
  }

  /** Removes namespaces, links and rules. All sandboxes must be gone. */
  async close(): Promise<void> {
    this.#closing = true
    this.#resolver.close()
    await Promise.all(this.#work)
    await removeNetwork(path.dirname(this.#folder), this.#table)
  }

  #keepSpare(): void {
    if (this.#closing || this.#free.length >= SPARE_SLOTS || this.#made >= LINKS) return
    this.#track(
      this.#make().then(
        (slot) => void this.#free.push(slot),
        () => {}, // Who needs one tries again, and tells.
      ),
    )
  }

  async #make(): Promise<Slot> {
    if (this.#made >= LINKS && this.#unused.length === 0) {
      throw new ManagerError(
        'NETWORK_FAILED',
        `No more than ${LINKS} sandboxes can have a network.`,
      )
    }
    const index = this.#unused.pop() ?? this.#made++
    const slot = {
      ...linkOf(this.#block, index),
      namespaceFile: path.join(this.#folder, `${index}`),
    }
    try {
      await this.#build(slot)
      return slot
    } catch (error) {
      // It had no tenant: what is left of it can be built over.
      await feed(['umount', slot.namespaceFile], '').catch(() => {})
      await ip([`link delete ${slot.device}`]).catch(() => {})
      this.#unused.push(index)
      throw error
    }
  }

  async #build(slot: Slot): Promise<void> {
    const { device, router, guest, namespaceFile } = slot
    writeFileSync(namespaceFile, '')
    await feed(['unshare', `--net=${namespaceFile}`, 'true'], '')
    await ip([`link add ${device} type veth peer name eth0 netns ${namespaceFile}`])
    // The resolver is on the loopback address; the filter lets nothing else through to it.
    writeFileSync(`/proc/sys/net/ipv4/conf/${device}/route_localnet`, '1')
    const ipv6 = `/proc/sys/net/ipv6/conf/${device}/disable_ipv6`
    if (existsSync(ipv6)) writeFileSync(ipv6, '1')
    await ip([`address add ${router}/30 dev ${device}`, `link set ${device} up`])
    await nft(`add element inet ${this.#table} links { "${device}" . ${guest} }`)
    // Flows of a manager that had these addresses, and was killed, would go on.
    await feed(['sh', '-c', FORGET_FLOWS, guest], '')
    await this.#address(slot)
  }

  /** gVisor takes the address from the device when it takes the device over. */
  async #address({ namespaceFile, guest, router }: Slot): Promise<void> {
    await feed(
      inNamespace(namespaceFile, ['sh', '-c', WITHOUT_IPV6, 'ip', '-batch', '-']),
      [
        'link set lo up',
        'address flush dev eth0',
        `address add ${guest}/30 dev eth0`,
        'link set eth0 up',
        `route replace default via ${router}`,
      ].join('\n'),
    )
  }

  async #recycle(slot: Slot, tenant: Tenant): Promise<void> {
    for (let attempt = 0; attempt < RECYCLE_ATTEMPTS && !this.#closing; attempt++) {
      try {
        await this.#reset(slot, tenant)
        this.#free.push(slot)
        return
      } catch {
        await sleep(RECYCLE_AGAIN_MS)
      }
    }
    // It stays out of use: a namespace that is not known to be clean is given to nobody.
  }

  /** Leaves nothing of the sandbox that had it: flows, opened addresses, counts. */
  async #reset(slot: Slot, tenant: Tenant): Promise<void> {
    const { pinned } = tenant
    await Promise.allSettled(pinned.values())
    const refused = await this.#refusedConnections(slot)
    // Deleting what is not there would fail, and some of it may not be.
    const gone = [...pinned.keys()].map((address) => `pinned { ${slot.guest} . ${address} }`)
    if (refused > 0) gone.push(`refused { ${slot.guest} }`)
    const inSet = (verb: string) => gone.map((one) => `${verb} element inet ${this.#table} ${one}`)
    if (gone.length > 0) await nft([...inSet('add'), ...inSet('delete')].join('\n'))
    await feed(['sh', '-c', FORGET_FLOWS, slot.guest], '')
    await this.#address(slot)
    if (refused + tenant.refusedNames > 0) this.#onRefused(refused + tenant.refusedNames)
  }

  async #refusedConnections({ guest }: Slot): Promise<number> {
    const listed = await feed(['nft', '-j', 'list', 'set', 'inet', this.#table, 'refused'], '')
    return countOf(listed, guest)
  }

  /** Before the sandbox is told of an address its packets must pass. */
  async #pin(guest: string, tenant: Tenant, addresses: readonly string[]): Promise<boolean> {
    if (!this.#settings.policy) return true
    const { pinned } = tenant
    const fresh = addresses.filter((address) => !pinned.has(address))
    // A late answer to a sandbox that is gone opens nothing to the next one.
    const isCurrent = this.#tenants.get(guest) === tenant
    if (!isCurrent || pinned.size + fresh.length > MOST_PINNED) return false
    if (fresh.length > 0) {
      const pairs = fresh.map((address) => `${guest} . ${address}`).join(', ')
      const done = nft(`add element inet ${this.#table} pinned { ${pairs} }`).then(() => {})
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

/**
 * Removes what is left of a manager's network, if it had one.
 * @param runFolder of that manager
 */
export async function sweepNetwork(owner: string, runFolder: string): Promise<void> {
  await removeNetwork(runFolder, tableOf(owner))
}

async function removeNetwork(runFolder: string, table: string): Promise<void> {
  const folder = path.join(runFolder, NAMESPACES)
  if (!existsSync(folder)) return
  const files = namesIn(folder).map((name) => path.join(folder, name))
  // The links go with the namespaces. A file whose namespace was not made is not mounted.
  for (const file of files) await feed(['umount', file], '').catch(() => {})
  await nft(`delete table inet ${table}`).catch(() => {})
  rmSync(folder, { recursive: true, force: true })
}

function tableOf(owner: string): string {
  return `executor_manager_${owner.replace('-', '_')}`
}

/** A block of addresses that no living manager's links are in. */
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

/** @param listed what `nft -j list set` says of a set whose elements have counters */
export function countOf(listed: string, element: string): number {
  const { nftables } = JSON.parse(listed) as {
    nftables: { set?: { elem?: { elem?: { val: string; counter: { packets: number } } }[] } }[]
  }
  const elements = nftables.flatMap((entry) => entry.set?.elem ?? [])
  return elements.find(({ elem }) => elem?.val === element)?.elem?.counter.packets ?? 0
}

function namesIn(folder: string): string[] {
  try {
    return readdirSync(folder)
  } catch {
    return []
  }
}
