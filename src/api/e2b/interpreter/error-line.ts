import type { ContextOutcome } from '../../../sessions/context-types.ts'
import { outcomeDetail } from '../../v1/present.ts'

/** By what ended a run that told of no error itself. */
const NAMES = {
  signal: 'UnexpectedEndOfExecution',
  time: 'TimeoutError',
  memory: 'MemoryError',
  output: 'OutputLimitExceeded',
  refused: 'CodeRefused',
  interfered: 'UnexpectedEndOfExecution',
  result: 'ResultError',
} as const

/**
 * Returns the line of the error that a run ended with.
 * @returns null: it ended well
 */
export function errorLine(outcome: ContextOutcome, language: string): string | null {
  const { end, error, exitCode, isContextLost, notes } = outcome
  if (end === 'lost') return null
  if (end === 'exit' && exitCode === 0 && !isContextLost) return null
  if (end === 'exit' && error && !isContextLost) {
    return lineOf(error.name, error.message, error.traceback)
  }
  const detail = [outcomeDetail({ ...outcome, end }), notes].filter((part) => part !== '').join(' ')
  if (isContextLost && (end === 'exit' || end === 'signal')) {
    return lineOf('UnexpectedEndOfExecution', detail)
  }
  if (end === 'exit') {
    const name = language === 'python' ? 'SystemExit' : 'ExitError'
    return lineOf(name, String(exitCode))
  }
  return lineOf(NAMES[end], detail)
}

/** Returns the line of an error. */
export function lineOf(name: string, value: string, traceback = ''): string {
  return JSON.stringify({ type: 'error', name, value, traceback })
}
