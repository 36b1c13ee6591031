/** What sandboxes may reach. */
import { isIPv4 } from 'node:net'
import { ManagerError } from '../errors.ts'
import type { EgressSettings } from '../network/egress.ts'
import { type EgressPolicy, parseEgressAllow } from '../network/egress-policy.ts'
import { type Environment, oneOf, type Parser, setting } from './setting.ts'

/**
 * Reads what sandboxes may reach. A setting that would open more than was meant is refused.
 * @returns null: they have no network
 * @throws ManagerError CONFIG_INVALID
 */
export function readEgress(env: Environment): EgressSettings | null {
  const network = setting(env, 'SANDBOX_NETWORK', 'none', oneOf(['none', 'egress'] as const))
  const policy = setting<EgressPolicy | null>(env, 'SANDBOX_EGRESS_ALLOW', null, (text) => {
    const parsed = parseEgressAllow(text)
    return 'wrong' in parsed ? { expected: `usable: ${parsed.wrong}` } : parsed
  })
  const nameServers = setting<readonly string[]>(env, 'SANDBOX_EGRESS_DNS', [], nameServerList)
  if (network === 'egress') return { policy, nameServers }
  for (const name of ['SANDBOX_EGRESS_ALLOW', 'SANDBOX_EGRESS_DNS']) {
    if (env[name]) {
      throw new ManagerError('CONFIG_INVALID', `${name} is set, and SANDBOX_NETWORK is not egress`)
    }
  }
  return null
}

const nameServerList: Parser<readonly string[]> = (text) => {
  const servers = text.split(',').map((part) => part.trim())
  const fits = servers.every((server) => {
    const [address, port = '53', ...rest] = server.split(':')
    const isPort = /^\d{1,5}$/.test(port) && Number(port) >= 1 && Number(port) <= 65_535
    return isIPv4(address ?? '') && isPort && rest.length === 0
  })
  return fits
    ? servers
    : { expected: 'name servers, like 192.0.2.53 or 192.0.2.53:5353,192.0.2.54' }
}
