/** Decides where webhooks may go: they leave from this host, so they must not be a way into its network. */
import { isIP } from 'node:net'
import { isPublicAddress, listOf } from '../network/public-address.ts'

export interface CallbackPolicy {
  /** Public addresses of other hosts. */
  readonly public: boolean
  /** Hosts that the operator named, in lower case: allowed whatever their address is. */
  readonly names: readonly string[]
  /** Addresses and networks that the operator named. */
  readonly ranges: readonly string[]
}

const HOST_NAME = /^[a-z\d_]([a-z\d_-]*[a-z\d_])?(\.[a-z\d_]([a-z\d_-]*[a-z\d_])?)*$/
export const MAX_URL_CHARS = 2048

/**
 * Parses a policy.
 * @param text `none`, or entries with commas between: `public`, host names, addresses, networks
 * @returns null: there are no webhooks
 */
export function parseCallbackPolicy(text: string): CallbackPolicy | null | { wrong: string } {
  if (text.trim() === 'none') return null
  const policy = { public: false, names: [] as string[], ranges: [] as string[] }
  for (const entry of text.split(',').map((part) => part.trim().toLowerCase())) {
    const [address = '', prefix, ...rest] = entry.split('/')
    const bits = isIP(address) === 6 ? 128 : 32
    const isPrefix = prefix === undefined || (/^\d{1,3}$/.test(prefix) && Number(prefix) <= bits)
    if (entry === 'public') policy.public = true
    else if (isIP(address) > 0 && isPrefix && rest.length === 0) policy.ranges.push(entry)
    else if (HOST_NAME.test(entry) && !/^[\d.]+$/.test(entry)) policy.names.push(entry)
    else return { wrong: entry }
  }
  return policy
}

/** Tells whether webhooks may go to this address, which belongs to this host. */
export function mayReach(policy: CallbackPolicy, host: string, address: string): boolean {
  if (policy.names.includes(host)) return true
  const family = isIP(address) === 6 ? 'ipv6' : 'ipv4'
  if (isIP(address) > 0 && listOf(policy.ranges).check(address, family)) return true
  return policy.public && isPublicAddress(address)
}

/**
 * Returns the host of an address on the web, as it is looked up: without brackets and a final dot. The parser has
 * turned IPv4 addresses in any notation (0x7f.1, 2130706433) into the usual one.
 */
export function hostOf({ hostname }: URL): string {
  return hostname
    .replace(/^\[(.*)\]$/, '$1')
    .replace(/\.$/, '')
    .toLowerCase()
}

/**
 * Checks where a webhook is to go, as far as that can be known before its name is looked up.
 * @returns what is wrong, to follow the field's name
 */
export function callbackIssue(policy: CallbackPolicy | null, text: string): string | null {
  if (policy === null) return 'the operator allows none'
  if (text.length > MAX_URL_CHARS || !URL.canParse(text)) return 'is not a URL'
  const url = new URL(text)
  if (url.protocol !== 'https:' && url.protocol !== 'http:')
    return 'must begin with https:// or http://'
  if (url.username !== '' || url.password !== '') return 'must not hold a user or a password'
  const host = hostOf(url)
  const isLocalName = host === 'localhost' || host.endsWith('.localhost')
  const isKnown = isIP(host) > 0 || isLocalName
  if (isKnown && !mayReach(policy, host, isLocalName ? '127.0.0.1' : host)) {
    return 'the operator does not allow this address'
  }
  return null
}
