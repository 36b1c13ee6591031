/** Decides what a sandbox with a network may reach, as pure functions. */
import { BlockList, isIPv4 } from 'node:net'

/**
 * Ranges that are refused whatever the policy allows: this network, private, shared (CGNAT), loopback, link-local (cloud
 * metadata among them), protocol assignments, benchmarking (our own links), multicast, reserved and
 * broadcast, and the one metadata address that lies elsewhere.
 * Source: https://www.iana.org/assignments/iana-ipv4-special-registry/
 */
export const REFUSED_RANGES = [
  '0.0.0.0/8',
  '10.0.0.0/8',
  '100.64.0.0/10',
  '127.0.0.0/8',
  '168.63.129.16/32',
  '169.254.0.0/16',
  '172.16.0.0/12',
  '192.0.0.0/24',
  '192.168.0.0/16',
  '198.18.0.0/15',
  '224.0.0.0/4',
  '240.0.0.0/4',
] as const

const refusedRanges = new BlockList()
for (const range of REFUSED_RANGES) {
  const [address, prefix] = range.split('/') as [string, string]
  refusedRanges.addSubnet(address, Number(prefix))
}

/** Tells whether no sandbox may ever reach this address. Anything but an IPv4 address is refused. */
export function isRefusedAddress(address: string): boolean {
  return !isIPv4(address) || refusedRanges.check(address)
}

/** Where sandboxes may connect to, beyond what is always refused. */
export interface EgressPolicy {
  /** Exact host names, in lower case. */
  readonly names: readonly string[]
  /** Suffixes with their dot: `.example.org` for `*.example.org`. */
  readonly suffixes: readonly string[]
  /** IPv4 ranges, `address/prefix`. */
  readonly ranges: readonly string[]
}

const HOST_NAME =
  /^(?=.{1,253}$)[a-z0-9_]([a-z0-9_-]{0,61}[a-z0-9_])?(\.[a-z0-9_]([a-z0-9_-]{0,61}[a-z0-9_])?)*$/

/**
 * Parses an allow list.
 * @param text host names, `*.` wildcards, IPv4 addresses and CIDRs, separated by commas
 * @returns the policy, or the entry that cannot be used and why
 */
export function parseEgressAllow(text: string): EgressPolicy | { readonly wrong: string } {
  const policy = { names: [] as string[], suffixes: [] as string[], ranges: [] as string[] }
  for (const entry of text.split(',').map((part) => part.trim().toLowerCase())) {
    if (entry === '') continue
    const range = parseRange(entry)
    const name = entry.replace(/^\*\./, '').replace(/\.$/, '')
    if (range) {
      if (isRefusedAddress(range.address)) {
        return { wrong: `${entry} lies in a range that is always refused` }
      }
      policy.ranges.push(`${range.address}/${range.prefix}`)
    } else if (!HOST_NAME.test(name) || /^[\d.]+$/.test(name)) {
      return { wrong: `${entry} is no host name, *.wildcard, IPv4 address or CIDR` }
    } else if (entry.startsWith('*.')) policy.suffixes.push(`.${name}`)
    else policy.names.push(name)
  }
  return policy
}

function parseRange(entry: string): { address: string; prefix: number } | null {
  const [address, prefix = '32', ...rest] = entry.split('/') as [string, string?]
  const bits = /^\d{1,2}$/.test(prefix) ? Number(prefix) : 33
  return isIPv4(address) && bits <= 32 && rest.length === 0 ? { address, prefix: bits } : null
}

/**
 * Checks and normalises a name from a question. Labels may hold any bytes, and a resolver may read a NUL, a
 * backslash or a letter beyond ASCII as another name than this check did, so those are refused.
 * @returns the host name in lower case, without a final dot; null when it is no host name
 */
export function plainHostName(name: string): string | null {
  // Checked before toLowerCase(), which turns some characters beyond ASCII into letters.
  if (!/^[\x21-\x7e]+$/.test(name)) return null
  const plain = name.toLowerCase().replace(/\.$/, '')
  return HOST_NAME.test(plain) ? plain : null
}

/**
 * Tells whether a sandbox may look up this name.
 * @param policy null: every public host is allowed
 * @param name as plainHostName() returns it
 */
export function allowsName(policy: EgressPolicy | null, name: string): boolean {
  if (!policy) return true
  return policy.names.includes(name) || policy.suffixes.some((suffix) => name.endsWith(suffix))
}
