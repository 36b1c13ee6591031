import { ManagerError } from '../errors.ts'
import { newId } from './copies.ts'
import type { KeptSandboxes, SandboxTemplates } from './engine.ts'
import { canBeSetLater, limitsOfNew } from './limits.ts'
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

/**
 * Finds what makes the sandboxes of a template.
 * @throws ManagerError REQUEST_INVALID when there is no such template
 */
export async function sandboxesOf(
  templates: SandboxTemplates,
  template: string,
): Promise<KeptSandboxes> {
  const sandboxes = await templates.find(template)
  if (sandboxes) return sandboxes
  const detail = `template: one of ${templates.names().join(', ')} is expected.`
  throw new ManagerError('REQUEST_INVALID', detail, { field: 'template' })
}

/** Returns whether a ready sandbox of its template can become a session: what it has and may use can be set still. */
export function suitsReady(
  { isOffline }: SessionRequest,
  { limits }: SessionRecord,
  sandboxes: KeptSandboxes,
): boolean {
  return !(isOffline && sandboxes.offline !== sandboxes) && canBeSetLater(limits, sandboxes.limits)
}
