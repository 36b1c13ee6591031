import type { FastifyBaseLogger } from 'fastify'
import { ManagerError } from '../../errors.ts'
import type { ToldEnding, Words } from '../../jobs/words.ts'
import { outcomeDetail, outcomeHead, statusOf } from './present.ts'
import { problemOf } from './problems.ts'
import type { RunMetrics } from './service.ts'
import { RunWords } from './stream.ts'
import { tellOutcome } from './tell.ts'

const CANCELED = {
  status: 'canceled',
  detail: 'The run was canceled.',
  problem: 'canceled',
  outcome: null,
}

const LOST = {
  status: 'lost',
  detail:
    'The service ended while it executed the run, or failed: how the run ended is not known. It is not executed again.',
  problem: 'lost',
  outcome: null,
}

/** Returns what becomes of accepted runs, in the words of the native API; each end is counted and logged. */
export function jobWords(log: FastifyBaseLogger, metrics: RunMetrics): Words {
  return {
    canceled: CANCELED,
    lost: LOST,
    eventsOf: (id, tell) => new RunWords(id, tell),
    endingOf: (run, outcome) => {
      tellOutcome({ log }, run, outcome, { metrics })
      return {
        status: statusOf(outcome),
        detail: outcomeDetail(outcome),
        problem: null,
        outcome: outcomeHead(run.id, outcome),
      }
    },
    failureOf: (run, error, hasBegun) => {
      const ending = failureOf(error, hasBegun)
      metrics.runEnded(run.template, ending.problem ?? ending.status)
      const line = {
        caller: run.caller,
        run: run.id,
        runtime: run.template,
        outcome: ending.problem,
      }
      if (ending.problem === 'canceled') log.info(line, 'run')
      else log.error({ ...line, err: error }, 'run')
      return ending
    },
  }
}

function failureOf(error: Error, hasBegun: boolean): ToldEnding {
  if (error instanceof ManagerError && error.code === 'RUN_CANCELLED') return CANCELED
  if (hasBegun) return LOST
  const { problem, message } = problemOf(error)
  return { status: 'lost', detail: message, problem, outcome: null }
}
