import type { Jobs } from '../../jobs/jobs.ts'
import type { KeptFiles } from '../../jobs/kept-files.ts'
import type { WebhookSettings } from '../../jobs/webhooks.ts'
import type { Budget } from '../accounts.ts'
import type { Keepers } from '../v1/call.ts'
import type { NativeService } from '../v1/service.ts'

/** What the front door for Judge0 is given. */
export interface Judge0Options extends Keepers, NativeService {
  readonly jobs: Jobs
  /** For what was submitted. */
  readonly kept: KeptFiles
  /** For archives that are unpacked. */
  readonly inputs: Budget
  /** How long a run is kept after its end. */
  readonly keepMs: number
  readonly webhooks: WebhookSettings
}
