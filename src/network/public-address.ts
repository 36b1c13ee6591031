/** Tells public addresses from those of a host's own networks. */
import { BlockList, isIPv4, isIPv6 } from 'node:net'
import { networkInterfaces } from 'node:os'
import { isRefusedAddress } from './egress-policy.ts'

/** https://www.iana.org/assignments/iana-ipv4-special-registry/: documentation and the relay of 6to4. */
const UNUSED_IPV4 = ['192.0.2.0/24', '192.88.99.0/24', '198.51.100.0/24', '203.0.113.0/24']
/**
 * Of 2000::/3, which holds all global addresses: IETF protocols (Teredo among them), documentation and 6to4,
 * some of which lead to IPv4 addresses of any kind.
 * https://www.iana.org/assignments/iana-ipv6-special-registry/
 */
const SPECIAL_IPV6 = ['2001::/23', '2001:db8::/32', '2002::/16', '3fff::/20']

const unused = listOf(UNUSED_IPV4)
const global = listOf(['2000::/3'])
const special = listOf(SPECIAL_IPV6)

/** Tells whether an address is a public one of another host. IPv4 in IPv6 notation never is. */
export function isPublicAddress(address: string): boolean {
  if (isOwnAddress(address)) return false
  if (isIPv4(address)) return !isRefusedAddress(address) && !unused.check(address)
  if (!isIPv6(address)) return false
  return global.check(address, 'ipv6') && !special.check(address, 'ipv6')
}

function isOwnAddress(address: string): boolean {
  const own = new BlockList()
  for (const entries of Object.values(networkInterfaces())) {
    for (const entry of entries ?? []) {
      own.addAddress(entry.address, entry.family === 'IPv6' ? 'ipv6' : 'ipv4')
    }
  }
  return own.check(address, isIPv6(address) ? 'ipv6' : 'ipv4')
}

/**
 * Makes a list of addresses and networks.
 * @param ranges addresses and networks, `address` or `address/prefix`
 */
export function listOf(ranges: readonly string[]): BlockList {
  const list = new BlockList()
  for (const range of ranges) {
    const [address = '', prefix] = range.split('/')
    const family = isIPv6(address) ? 'ipv6' : 'ipv4'
    list.addSubnet(address, Number(prefix ?? (family === 'ipv6' ? 128 : 32)), family)
  }
  return list
}
