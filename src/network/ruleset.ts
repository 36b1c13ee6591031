/**
 * The packet filter of one manager's sandboxes: an nftables ruleset, as a pure function. It filters on the
 * host's side of each link, which a sandbox cannot bypass. On the sandbox's side a filter would see nothing,
 * because gVisor's network stack writes packets to the device itself.
 * Source: nft(8).
 */
import { blockRange, devicePrefix } from './address-block.ts'
import { type EgressPolicy, REFUSED_RANGES } from './egress-policy.ts'

/** Connections that one sandbox may have open at once. */
const CONNECTIONS = 64
/** What one sandbox may send, and receive, in MiB. */
const MBYTES_PER_SECOND = 10
/** The kernel adds one second's worth: a sandbox has its first 11 MiB at full speed. */
const BURST_MBYTES = 1
/** Questions for names that one sandbox may ask. */
const QUESTIONS_PER_SECOND = 50

/** What differs between managers. */
export interface RulesetShape {
  readonly table: string
  readonly block: number
  /** UDP port of resolver.ts on the loopback address. */
  readonly resolverPort: number
  /** Null: everything is allowed that is not always refused. */
  readonly policy: EgressPolicy | null
}

/** Returns the ruleset as text for `nft -f`. */
export function ruleset({ table, block, resolverPort, policy }: RulesetShape): string {
  const sandboxes = `"${devicePrefix(block)}*"`
  const limit = `limit rate over ${MBYTES_PER_SECOND} mbytes/second burst ${BURST_MBYTES} mbytes`
  const ranges = policy?.ranges ?? []
  return `table inet ${table} {
  set links { type ifname . ipv4_addr; }
  set connections { type ipv4_addr; size 65535; flags dynamic; }
  set sent { type ipv4_addr; size 65535; flags dynamic; }
  set received { type ipv4_addr; size 65535; flags dynamic; }
  set questions { type ipv4_addr; size 65535; flags dynamic; }
  set refused { type ipv4_addr; size 65535; flags dynamic; }
  set pinned { type ipv4_addr . ipv4_addr; size 65535; }
  set allowed { type ipv4_addr; flags interval; auto-merge; ${elements(ranges)} }
  set never { type ipv4_addr; flags interval; auto-merge; ${elements(REFUSED_RANGES)} }

  chain names {
    type nat hook prerouting priority dstnat;
    iifname ${sandboxes} udp dport 53 dnat ip to 127.0.0.1:${resolverPort}
  }
  chain translate {
    type nat hook postrouting priority srcnat;
    ip saddr ${blockRange(block)} oifname != ${sandboxes} masquerade
  }
  chain refuse {
    update @refused { ip saddr counter }
    meta l4proto tcp reject with tcp reset
    reject with icmp type admin-prohibited
  }
  chain sandbox {
    meta nfproto != ipv4 drop
    iifname . ip saddr != @links drop
    ct state invalid drop
  }
  chain forged {
    iifname != ${sandboxes} ip saddr ${blockRange(block)} drop
  }
  chain to_host {
    type filter hook input priority filter; policy accept;
    jump forged
    iifname != ${sandboxes} return
    jump sandbox
    udp dport ${resolverPort} ip daddr 127.0.0.1 update @questions { ip saddr limit rate over ${QUESTIONS_PER_SECOND}/second burst ${QUESTIONS_PER_SECOND} packets } drop
    udp dport ${resolverPort} ip daddr 127.0.0.1 accept
    goto refuse
  }
  chain through {
    type filter hook forward priority filter; policy accept;
    jump forged
    iifname ${sandboxes} goto outward
    oifname ${sandboxes} goto inward
  }
  chain inward {
    ct state != { established, related } drop
    update @received { ip daddr ${limit} } drop
    accept
  }
  chain outward {
    jump sandbox
    update @sent { ip saddr ${limit} } drop
    ip daddr @never goto refuse
    ct state established accept
    add @connections { ip saddr ct count over ${CONNECTIONS} } goto refuse
    ${policy ? 'ip saddr . ip daddr @pinned accept\n    ip daddr @allowed accept\n    goto refuse' : 'accept'}
  }
}
`
}

function elements(ranges: readonly string[]): string {
  return ranges.length > 0 ? `elements = { ${ranges.join(', ')} };` : ''
}
