import type { Collector } from '../run/collect.ts'
import { judge } from '../run/judge.ts'
import type { RunReport } from '../run/record.ts'
import type { RunLimits, RunTimings } from '../run/types.ts'
import type { KernelEnd } from '../supervisor/kernel-link.ts'
import type { ContextOutcome } from './context-types.ts'

/** Why a run was interrupted by the manager: its time, its output, or its caller. */
export type Cut = 'time' | 'output' | 'canceled'

/** All that is known of a run in a context when it has ended. */
export interface ContextFacts {
  readonly collector: Collector
  readonly end: KernelEnd
  /** Null: it was not interrupted by the manager. */
  readonly cut: Cut | null
  readonly limits: RunLimits
  readonly wallTimeMs: number
  readonly cpuTimeMs: number
  /** What the session holds more than when it was made. */
  readonly memoryBytes: number
  readonly executionCount: number
  /** Whether its process was started because the one before was lost. */
  readonly isAnew: boolean
  readonly graceMs: number
  readonly timings: RunTimings
}

/** Makes the outcome of a run in a context. */
export function contextOutcome(facts: ContextFacts): ContextOutcome {
  const { collector, end, limits, timings, executionCount } = facts
  const { transcript } = collector
  transcript.report = reportOf(facts)
  if (end.how === 'broke') transcript.violation = end.violation
  const verdict = judge(
    {
      transcript,
      intervention: null,
      outOfMemoryKills: 0,
      hasNetwork: true,
      refusedConnections: 0,
      peakMemoryBytes: facts.memoryBytes,
      cpuTimeMs: facts.cpuTimeMs,
      wallTimeMs: facts.wallTimeMs,
    },
    limits,
  )
  const isLost = end.how === 'lost'
  return {
    ...verdict,
    ...(isLost ? { end: 'lost', exitCode: null, signal: null, detail: null } : {}),
    timings,
    executionCount,
    isContextLost: end.how !== 'ended',
    notes: notesOf(facts),
  }
}

function reportOf({ end, cut, collector }: ContextFacts): RunReport | null {
  if (end.how === 'broke' || end.how === 'lost') return null
  const signal = end.how === 'exited' ? end.signal : 0
  const cause = cut === 'time' ? 'wall_time' : cut === 'output' ? 'output' : 'ended'
  const { flooded } = collector.transcript
  return { cause, exitCode: end.exitCode, signal, flooded, artifactsLeftOut: 0 }
}

function notesOf({ end, cut, isAnew, graceMs }: ContextFacts): string {
  const notes: string[] = []
  if (isAnew) {
    notes.push('The context had been lost, and was started anew: it had no variables of before.')
  }
  if (end.how === 'ended') {
    if (cut !== null) notes.push('It was interrupted; the context keeps its variables.')
  } else if (end.how === 'lost') {
    notes.push('The session has ended.')
  } else {
    if (cut !== null && end.how === 'exited' && end.signal === SIGKILL) {
      notes.push(`It did not end within ${graceMs / 1000} s of its interrupt.`)
    }
    notes.push('The context has ended with it, and its variables are lost.')
  }
  return notes.join(' ')
}

const SIGKILL = 9
