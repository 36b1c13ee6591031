import type { ContextInfo, ContextOutcome } from '../../sessions/context-types.ts'
import { outcomeDetail, signalName, statusOf } from './present.ts'
import type { ContextAnswer } from './sessions-contexts-schema.ts'

/** Runs and contexts of sessions in the words of the native API. */

export function toldContext(info: ContextInfo): ContextAnswer {
  const { id, language, state, cwd, executionCount, waiting, createdAtMs } = info
  return {
    id,
    language,
    state,
    cwd,
    execution_count: executionCount,
    waiting,
    created_at: new Date(createdAtMs).toISOString(),
  }
}

/** Returns the status of a run in a session. */
export function sessionStatusOf(outcome: ContextOutcome) {
  const { end } = outcome
  return end === 'lost' ? 'lost' : statusOf({ ...outcome, end })
}

/** Returns an outcome as JSON text without line ends. The result goes in as the kernel wrote it. */
export function sessionOutcomeText(id: string, context: string, outcome: ContextOutcome): string {
  const { end, stdout, stderr, flooded, error, displays, usage, timings, notes } = outcome
  const said = end === 'lost' ? '' : outcomeDetail({ ...outcome, end })
  const head = {
    id,
    context,
    status: sessionStatusOf(outcome),
    exit_code: outcome.exitCode,
    signal: outcome.signal === null ? null : signalName(outcome.signal),
    stdout: stdout.toString(),
    stderr: stderr.toString(),
    stdout_truncated: flooded === 'stdout',
    stderr_truncated: flooded === 'stderr',
    displays,
    error,
    execution_count: outcome.executionCount,
    context_lost: outcome.isContextLost,
    files: [],
    files_left_out: [],
    usage: {
      wall_ms: rounded(usage.wallMs),
      cpu_ms: rounded(usage.cpuMs),
      peak_memory_bytes: Math.round(usage.peakMemoryBytes),
    },
    timings: {
      queue_ms: rounded(timings.queueMs),
      execute_ms: rounded(timings.executeMs),
      collect_ms: rounded(timings.collectMs),
    },
    detail: [said, notes].filter((part) => part !== '').join(' '),
  }
  const result = (outcome.resultJson ?? 'null').replace(/[\r\n]/g, ' ')
  return `${JSON.stringify(head).slice(0, -1)},"result":${result}}`
}

function rounded(ms: number): number {
  return Math.round(ms * 1000) / 1000
}
