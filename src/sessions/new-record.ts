import { ManagerError } from '../errors.ts'
import { newId } from './copies.ts'
import type { KeptSandboxes } from './engine.ts'
import { limitsOfNew } from './limits.ts'
import type { SessionRecord, SessionRequest } from './types.ts'

/**
 * Returns the record of a session that is asked for now.
 * @throws ManagerError REQUEST_INVALID for what its template does not have
 */
export function newRecord(request: SessionRequest, sandboxes: KeptSandboxes): SessionRecord {
  const createdAtMs = Date.now()
  const { needsNetwork = false, limits, ...kept } = request
  if (needsNetwork && sandboxes.offline === sandboxes) {
    const detail = 'network: sandboxes of this template have no network.'
    throw new ManagerError('REQUEST_INVALID', detail, { field: 'network' })
  }
  return {
    ...kept,
    id: newId(),
    key: sandboxes.key,
    createdAtMs,
    expiresAtMs: createdAtMs + request.ttlMs,
    baseBytes: 0,
    incarnation: 1,
    limits: limitsOfNew(limits, sandboxes.limits),
  }
}
