import { existsSync, writeFileSync } from 'node:fs'
import type { Link } from './address-block.ts'
import { feed, inNamespace, ip, nft } from './tools.ts'

/** A veth pair between the host and a network namespace; one sandbox at a time uses it. */
export interface NetworkLink extends Link {
  /** Where the namespace is mounted; what setns(2) is given to enter it. */
  readonly namespaceFile: string
}

/** A kernel without IPv6 does not have the file; then there is nothing to turn off. */
const WITHOUT_IPV6 =
  'f=/proc/sys/net/ipv6/conf/all/disable_ipv6; if [ -e $f ]; then echo 1 >$f; fi; exec "$0" "$@"'
/** conntrack exits with a failure's code when there is nothing to delete: only its words tell. */
const FORGET_FLOWS =
  'said=$(conntrack -D -s "$0" 2>&1 >/dev/null) || case $said in *" 0 flow entries"*) ;; *) echo "$said" >&2; exit 1 ;; esac'

/**
 * Makes links, opens addresses to them, and resets them, with ip(8), nft(8) and conntrack(8). The caller
 * knows which links are in use. Every method throws ManagerError NETWORK_FAILED.
 */
export class Links {
  readonly #table: string
  readonly #signal: AbortSignal

  /**
   * @param table of nftables, with the sets of ruleset.ts
   * @param signal ends the programs that it has started
   */
  constructor(table: string, signal: AbortSignal) {
    this.#table = table
    this.#signal = signal
  }

  /** Makes the namespace, the veth pair and the filter's entry. What is there already is replaced. */
  async build(link: NetworkLink): Promise<void> {
    const { device, router, guest, namespaceFile } = link
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
    await this.#address(link)
  }

  /** Removes as much as there is of a link that could not be built. Never throws. */
  async discard({ device, namespaceFile }: NetworkLink): Promise<void> {
    await this.#feed(['umount', namespaceFile]).catch(() => {})
    await this.#ip([`link delete ${device}`]).catch(() => {})
  }

  /** Lets packets of the sandbox on this link through to these addresses. */
  async open({ guest }: NetworkLink, addresses: readonly string[]): Promise<void> {
    const pairs = addresses.map((address) => `${guest} . ${address}`).join(', ')
    await this.#nft(`add element inet ${this.#table} pinned { ${pairs} }`)
  }

  /** Counts the connections that the filter refused the sandbox on this link. */
  async refusedConnections({ guest }: NetworkLink): Promise<number> {
    const listed = await this.#feed(['nft', '-j', 'list', 'set', 'inet', this.#table, 'refused'])
    return countOf(listed, guest)
  }

  /**
   * Removes everything of the sandbox that had the link: its flows, the addresses that were opened to it,
   * its counts.
   * @param opened these addresses
   * @returns how many connections it was refused
   */
  async reset(link: NetworkLink, opened: Iterable<string>): Promise<number> {
    const refused = await this.refusedConnections(link)
    // Deleting an element that does not exist fails, and some may not exist: add all of them first.
    const gone = [...opened].map((address) => `pinned { ${link.guest} . ${address} }`)
    if (refused > 0) gone.push(`refused { ${link.guest} }`)
    const inSet = (verb: string) => gone.map((one) => `${verb} element inet ${this.#table} ${one}`)
    if (gone.length > 0) await this.#nft([...inSet('add'), ...inSet('delete')].join('\n'))
    await this.#feed(['sh', '-c', FORGET_FLOWS, link.guest])
    await this.#address(link)
    return refused
  }

  /** Gives the guest's end its address and route. gVisor takes them over with the device. */
  async #address({ namespaceFile, guest, router }: NetworkLink): Promise<void> {
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

  #feed(command: readonly string[], input = ''): Promise<string> {
    return feed(command, input, this.#signal)
  }

  #nft(commands: string): Promise<string> {
    return nft(commands, this.#signal)
  }

  #ip(commands: readonly string[]): Promise<string> {
    return ip(commands, this.#signal)
  }
}

/**
 * Reads the packet count of one element.
 * @param listed what `nft -j list set` prints of a set whose elements have counters
 * @returns 0 when the set does not have it
 */
export function countOf(listed: string, element: string): number {
  const { nftables } = JSON.parse(listed) as {
    nftables: { set?: { elem?: { elem?: { val: string; counter: { packets: number } } }[] } }[]
  }
  const elements = nftables.flatMap((entry) => entry.set?.elem ?? [])
  return elements.find(({ elem }) => elem?.val === element)?.elem?.counter.packets ?? 0
}
