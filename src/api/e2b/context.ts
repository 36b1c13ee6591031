import type { Sessions } from '../../sessions/types.ts'
import type { Budget } from '../accounts.ts'
import type { Uploads } from '../uploads.ts'
import type { Keepers } from '../v1/call.ts'
import type { NativeService } from '../v1/service.ts'

/** What the front door of E2B needs of the rest. */
export interface E2bOptions extends Keepers {
  readonly sessions: Sessions
  readonly uploads: Uploads
  /** Of what a caller sends piece by piece, outside of `uploads`. */
  readonly frames: Budget
  readonly metrics: NativeService['metrics']
  /** Whether callers are told by keys, and not by their addresses. */
  readonly keyed: boolean
  /** Whether sandboxes can reach anything. */
  readonly hasNetwork: boolean
  /** Of hosts `<port>-<id>.<domain>`, in lower case; null: there are none. */
  readonly domain: string | null
}

/** What its parts share. */
export interface E2bContext extends E2bOptions {
  /** Fires when the service stops: streams end. */
  readonly stopping: AbortSignal
}
