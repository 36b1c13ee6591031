import { MIB } from '../../../lib/units.ts'
import type { SessionInfo } from '../../../sessions/types.ts'
import { sandboxIdOf } from '../ids.ts'
import type { SandboxNote } from '../note.ts'

/** What this service does of the sandbox's own API, in E2B's count. Its clients look at it. */
export const ENVD_VERSION = '0.6.5'
const CLIENT_ID = 'executor-manager'

/** A session that is a sandbox. */
export interface Sandbox {
  readonly info: SessionInfo
  readonly note: SandboxNote
}

/** Tells what a client needs to use a sandbox. */
export function toldAccess({ info, note }: Sandbox, domain: string | null) {
  const { templateId, alias, accessToken, trafficToken } = note
  return {
    sandboxID: sandboxIdOf(info.id),
    templateID: templateId,
    alias,
    clientID: CLIENT_ID,
    envdVersion: ENVD_VERSION,
    envdAccessToken: accessToken,
    trafficAccessToken: trafficToken,
    domain,
  }
}

/** Tells of a sandbox in a list. */
export function toldListed({ info, note }: Sandbox) {
  const { id, isPaused, expiresAtMs, metadata, limits } = info
  return {
    sandboxID: sandboxIdOf(id),
    templateID: note.templateId,
    alias: note.alias,
    clientID: CLIENT_ID,
    startedAt: new Date(info.createdAtMs).toISOString(),
    endAt: new Date(expiresAtMs).toISOString(),
    state: isPaused ? 'paused' : 'running',
    metadata,
    envdVersion: ENVD_VERSION,
    cpuCount: Math.max(1, Math.round(limits.cpus)),
    memoryMB: Math.round(limits.memoryBytes / MIB),
    diskSizeMB: Math.round(limits.workspaceBytes / MIB),
    volumeMounts: [],
  }
}

/** Tells all of a sandbox. */
export function toldDetail(sandbox: Sandbox, domain: string | null) {
  const { note, info } = sandbox
  return {
    ...toldListed(sandbox),
    domain,
    envdAccessToken: note.accessToken,
    allowInternetAccess: info.isOffline ? false : note.allowsInternet,
    network: note.network,
    lifecycle: {
      onTimeout: info.atDeadline === 'pause' ? 'pause' : 'kill',
      autoResume: note.wakesByUse,
    },
  }
}
