import { newId } from './copies.ts'
import type { KeptSandboxes } from './engine.ts'
import type { SessionRecord, SessionRequest } from './types.ts'

/** Returns the record of a session that is asked for now. */
export function newRecord(request: SessionRequest, sandboxes: KeptSandboxes): SessionRecord {
  const createdAtMs = Date.now()
  const { memoryBytes, cpus, workspaceBytes } = sandboxes.limits
  return {
    ...request,
    id: newId(),
    key: sandboxes.key,
    createdAtMs,
    expiresAtMs: createdAtMs + request.ttlMs,
    baseBytes: 0,
    incarnation: 1,
    limits: { memoryBytes, cpus, workspaceBytes },
  }
}
