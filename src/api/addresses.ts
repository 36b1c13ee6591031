import { BlockList, isIP, isIPv6 } from 'node:net'

/**
 * Returns the account of an address: an IPv4 address in its usual form, or the /64 of an IPv6 address, because a
 * host with one address of a /64 mostly has all of them.
 */
export function callerOfAddress(address: string): string {
  const mapped = /^::ffff:(\d+\.\d+\.\d+\.\d+)$/i.exec(address)?.[1]
  if (mapped !== undefined) return mapped
  if (!isIPv6(address)) return address
  if (address === '::1') return address
  return `${ipv6Groups(address).slice(0, 4).join(':')}::/64`
}

/** Returns whose rate a caller uses up. All loopback addresses are one caller: one machine has them all. */
export function rateAccountOf(caller: string): string {
  return caller === '::1' || /^127\.\d+\.\d+\.\d+$/.test(caller) ? 'loopback' : caller
}

/** Splits an IPv6 address into its eight groups, in lower case and without leading zeros. */
function ipv6Groups(address: string): string[] {
  const [head = '', tail] = (address.split('%')[0] as string).toLowerCase().split('::')
  const before = head === '' ? [] : head.split(':')
  const behind = tail === undefined || tail === '' ? [] : tail.split(':')
  // The last 32 bits may be written as an IPv4 address. They do not belong to the /64.
  const width = [...before, ...behind].reduce((sum, g) => sum + (g.includes('.') ? 2 : 1), 0)
  const zeros = tail === undefined ? [] : Array.from({ length: 8 - width }, () => '0')
  return [...before, ...zeros, ...behind].map((group) => group.replace(/^0+(?=.)/, ''))
}

/**
 * Parses addresses and networks such as `10.0.0.1,192.168.0.0/16,fd00::/8`.
 * @returns the entries, or what is wrong with the text
 */
export function parseNetworks(text: string): readonly string[] | { readonly wrong: string } {
  const entries = text.split(',').map((part) => part.trim())
  for (const entry of entries) {
    const [address = '', prefix, ...rest] = entry.split('/')
    const bits = isIP(address) === 6 ? 128 : 32
    const isPrefix = prefix === undefined || (/^\d{1,3}$/.test(prefix) && Number(prefix) <= bits)
    if (isIP(address) === 0 || !isPrefix || rest.length > 0) return { wrong: entry }
  }
  return entries
}

/** Returns a function that tells whether an address is in one of the networks. */
export function networkMatcher(networks: readonly string[]): (address: string) => boolean {
  const list = new BlockList()
  for (const entry of networks) {
    const [address = '', prefix] = entry.split('/')
    const family = isIP(address) === 6 ? 'ipv6' : 'ipv4'
    list.addSubnet(address, Number(prefix ?? (family === 'ipv6' ? 128 : 32)), family)
  }
  return (address) => {
    const plain = address.replace(/^::ffff:(?=\d+\.)/i, '')
    const family = isIP(plain)
    return family !== 0 && list.check(plain, family === 6 ? 'ipv6' : 'ipv4')
  }
}
