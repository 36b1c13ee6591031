import { Refused } from '../../refused.ts'
import type { E2bContext } from '../context.ts'

/** What a client says that a sandbox may reach. */
interface Reach {
  readonly allow_internet_access?: boolean | undefined
  readonly allowOut?: readonly string[] | undefined
  readonly denyOut?: readonly string[] | undefined
}

/**
 * Refuses to narrow what a sandbox reaches where sandboxes have a network: nothing must be said to be closed that is open.
 * Where they have none, all is closed already.
 * @throws Refused 501
 */
export function assertReach({ hasNetwork }: E2bContext, reach: Reach): void {
  const { allow_internet_access, denyOut = [] } = reach
  if (!hasNetwork || (allow_internet_access !== false && denyOut.length === 0)) return
  throw new Refused(
    501,
    'What one sandbox may reach cannot be narrowed here: SANDBOX_NETWORK and SANDBOX_EGRESS_ALLOW say it for all.',
  )
}
