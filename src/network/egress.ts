import { existsSync, mkdirSync, readdirSync, readFileSync, rmSync, writeFileSync } from 'node:fs'
import path from 'node:path'
import { setTimeout as sleep } from 'node:timers/promises'
import { ManagerError } from '../errors.ts'
import { scaledMs } from '../lib/time-scale.ts'
import { BLOCKS, devicePrefix, LINKS, type Link, linkOf } from './address-block.ts'
import type { EgressPolicy } from './egress-policy.ts'
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

interface Lifecycle extends Link {
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
/** How long a link that could not be reset waits until that is tried again: longer each time, to this. */
const RESET_AGAIN_MS = scaledMs(1000)
const RESET_AGAIN_AT_MOST_MS = scaledMs(8000)
/** How long removing everything may take at the end; what is left then is for the next start. */
const REMOVE_MS = scaledMs(2000)

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
  readonly #free: Lifecycle[] = []
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
    await this.#nft(ruleset({ table: this.#table, block: this.#block, resolverPort, policy }))
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

  /**
   * Removes namespaces, links and rules. All sandboxes must be gone.
   * @throws ManagerError NETWORK_FAILED when the rules are still there
   */
  async close(): Promise<void> {
    this.#closing.abort()
    this.#resolver.close()
    await Promise.allSettled(this.#work)
    await removeNetwork(path.dirname(this.#folder), this.#table, AbortSignal.timeout(REMOVE_MS))
  }

  #keepSpare(): void {
    if (this.#isClosing || this.#free.length >= SPARE_SLOTS || this.#made >= LINKS) return
    this.#track(
      this.#make().then(
        (slot) => void this.#free.push(slot),
        () => {}, // Who needs one tries again, and tells.
      ),
    )
  }

  async #make(): Promise<Lifecycle> {
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
      await this.#feed(['umount', slot.namespaceFile]).catch(() => {})
      await this.#ip([`link delete ${slot.device}`]).catch(() => {})
      this.#unused.push(index)
      throw error
    }
  }

  async #build(slot: Lifecycle): Promise<void> {
    const { device, router, guest, namespaceFile } = slot
    writeFileSync(namespaceFile, '')
    await this.#feed(['unshare', `--net=${namespaceFile}`, 'true'])
    await this.#ip([`link add ${device} type veth peer name eth0 netns ${namespaceFile}`])
    // The resolver is on the loopback address; the filter lets nothing else through to it.
    writeFileSync(`/proc/sys/net/ipv4/conf/${device}/route_localnet`, '1')
    const ipv6 = `/proc/sys/net/ipv6/conf/${device}/disable_ipv6`
    if (existsSync(ipv6)) writeFileSync(ipv6, '1')
    await this.#ip([`address add ${router}/30 dev ${device}`, `link set ${device} up`])
    await this.#nft(`add element inet ${this.#table} links { "${device}" . ${guest} }`)
    // Flows of a manager that had these addresses, and was killed, would go on.
    await this.#feed(['sh', '-c', FORGET_FLOWS, guest])
    await this.#address(slot)
  }

  /** gVisor takes the address from the device when it takes the device over. */
  async #address({ namespaceFile, guest, router }: Lifecycle): Promise<void> {
    await this.#feed(
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

  /** A link is out of use until its reset succeeds: nobody gets one that is not known to be clean. */
  async #recycle(slot: Lifecycle, tenant: Tenant): Promise<void> {
    const { signal } = this.#closing
    for (let againMs = RESET_AGAIN_MS; !signal.aborted; ) {
      try {
        await this.#reset(slot, tenant)
        this.#free.push(slot)
        return
      } catch {
        await sleep(againMs, undefined, { signal }).catch(() => {})
        againMs = Math.min(2 * againMs, RESET_AGAIN_AT_MOST_MS)
      }
    }
  }

  get #isClosing(): boolean {
    return this.#closing.signal.aborted
  }

  readonly #feed = (command: readonly string[], input = '') =>
    feed(command, input, this.#closing.signal)

  readonly #nft = (commands: string) => nft(commands, this.#closing.signal)

  readonly #ip = (commands: readonly string[]) => ip(commands, this.#closing.signal)

  /** Leaves nothing of the sandbox that had it: flows, opened addresses, counts. */
  async #reset(slot: Lifecycle, tenant: Tenant): Promise<void> {
    const { pinned } = tenant
    await Promise.allSettled(pinned.values())
    const refused = await this.#refusedConnections(slot)
    // Deleting what is not there would fail, and some of it may not be.
    const gone = [...pinned.keys()].map((address) => `pinned { ${slot.guest} . ${address} }`)
    if (refused > 0) gone.push(`refused { ${slot.guest} }`)
    const inSet = (verb: string) => gone.map((one) => `${verb} element inet ${this.#table} ${one}`)
    if (gone.length > 0) await this.#nft([...inSet('add'), ...inSet('delete')].join('\n'))
    await this.#feed(['sh', '-c', FORGET_FLOWS, slot.guest])
    await this.#address(slot)
    if (refused + tenant.refusedNames > 0) this.#onRefused(refused + tenant.refusedNames)
  }

  async #refusedConnections({ guest }: Lifecycle): Promise<number> {
    const listed = await this.#feed(['nft', '-j', 'list', 'set', 'inet', this.#table, 'refused'])
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
      const done = this.#nft(`add element inet ${this.#table} pinned { ${pairs} }`).then(() => {})
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
 * @throws ManagerError NETWORK_FAILED when the rules are still there
 */
export async function sweepNetwork(owner: string, runFolder: string): Promise<void> {
  await removeNetwork(runFolder, tableOf(owner), null)
}

/** @throws ManagerError NETWORK_FAILED when the rules are still there; then so is the folder */
async function removeNetwork(
  runFolder: string,
  table: string,
  signal: AbortSignal | null,
): Promise<void> {
  const folder = path.join(runFolder, NAMESPACES)
  if (!existsSync(folder)) return
  const files = namesIn(folder).map((name) => path.join(folder, name))
  // The links go with the namespaces. A file whose namespace was not made is not mounted.
  if (files.length > 0) await feed(['umount', ...files], '', signal).catch(() => {})
  try {
    await nft(`delete table inet ${table}`, signal)
  } catch {
    // There is none where the network could not be opened. Rules of a network that is gone match nothing.
    const tables = await feed(['nft', 'list', 'tables'], '', signal)
    if (tables.includes(` ${table}\n`)) {
      throw new ManagerError('NETWORK_FAILED', `the table ${table} of nftables cannot be removed`)
    }
  }
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
