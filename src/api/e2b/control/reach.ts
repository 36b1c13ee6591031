import { Refused } from '../../refused.ts'
import type { E2bContext } from '../context.ts'

/** What a client says that a sandbox may reach. */
export interface Reach {
  readonly allow_internet_access?: boolean | undefined
  readonly allowOut?: readonly string[] | undefined
  readonly denyOut?: readonly string[] | undefined
}

/** Everything, as IPv4 and IPv6 say it. */
const ALL = ['0.0.0.0/0', '::/0']
const REFUSAL =
  'What a sandbox may reach is all that the service lets sandboxes reach, or nothing; it is settled when the sandbox is made.'

/**
 * Tells whether a sandbox shall have no network. Nothing is said to be closed that is open: what cannot be had is refused.
 * @param source whether what it is made from has none, or itself until now; null: it is made from a template
 * @throws Refused 501
 */
export function isOffline(
  { hasNetwork }: E2bContext,
  reach: Reach,
  source: boolean | null,
): boolean {
  const asked = reachOf(reach)
  // The service may have a network after its next start.
  if (!hasNetwork) return source === true || asked !== 'all'
  const isOpen = source === false
  if (asked === 'part' || (asked === 'nothing' && isOpen)) throw new Refused(501, REFUSAL)
  return source ?? asked === 'nothing'
}

function reachOf(reach: Reach): 'all' | 'nothing' | 'part' {
  const { allow_internet_access, allowOut = [], denyOut = [] } = reach
  const isClosed = allow_internet_access === false || denyOut.some((one) => ALL.includes(one))
  if (isClosed) return allowOut.length === 0 ? 'nothing' : 'part'
  return denyOut.length === 0 ? 'all' : 'part'
}
