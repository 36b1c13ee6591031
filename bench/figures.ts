import type { BareFigures } from './bare.ts'
import type { BurstFigures } from './burst.ts'
import type { CallersFigure } from './callers.ts'
import type { ColdFigures } from './cold.ts'
import type { DensityFigure } from './density.ts'
import type { DoorFigure } from './doors.ts'
import type { E2bFigures } from './e2b.ts'
import type { IdleFigures } from './idle.ts'
import type { ImportFigure } from './imports.ts'
import type { LoadFigures } from './load.ts'
import type { NativeFigures } from './native.ts'
import type { SessionIoFigures } from './session-io.ts'
import type { SessionSleepFigures } from './session-sleep.ts'
import type { SessionFigures } from './sessions.ts'
import type { StartFigures } from './start.ts'
import type { WarmFigures } from './warm.ts'

/** Everything that was measured. What is missing was not asked for. */
export interface Figures {
  warm?: WarmFigures
  bare?: BareFigures
  imports?: readonly ImportFigure[]
  native?: NativeFigures
  burst?: BurstFigures
  load?: LoadFigures
  callers?: readonly CallersFigure[]
  doors?: readonly DoorFigure[]
  sessions?: SessionFigures
  e2b?: E2bFigures
  sessionIo?: SessionIoFigures
  sessionSleep?: SessionSleepFigures
  idle?: IdleFigures
  density?: readonly DensityFigure[]
  cold?: ColdFigures
  start?: StartFigures
}
