import type { RunLimits } from '../run/types.ts'
import type { Channels } from '../supervisor/channels.ts'
import type { SandboxUse } from './engine.ts'

/** What a context needs of its session while it is in use. */
export interface ContextHost {
  readonly channels: Channels
  readonly env: Readonly<Record<string, string>>
  readonly limits: RunLimits
  usage(): SandboxUse & { readonly baseBytes: number }
}
