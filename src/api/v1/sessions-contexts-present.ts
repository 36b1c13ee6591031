import type { ContextInfo, ContextOutcome } from '../../sessions/context-types.ts'
import { outcomeDetail, presented, resultText, statusOf } from './present.ts'
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
  const { end, notes } = outcome
  const said = end === 'lost' ? '' : outcomeDetail({ ...outcome, end })
  const head = {
    id,
    context,
    status: sessionStatusOf(outcome),
    ...presented(outcome),
    execution_count: outcome.executionCount,
    context_lost: outcome.isContextLost,
    files: [],
    files_left_out: [],
    detail: [said, notes].filter((part) => part !== '').join(' '),
  }
  return `${JSON.stringify(head).slice(0, -1)},"result":${resultText(outcome)}}`
}
