import type { RunOutcome } from '../../run/types.ts'
import { outcomeDetail } from '../v1/present.ts'

/** What Jobe says of a run, by its numbers. */
export const OUTCOMES = {
  compilationError: 11,
  runtimeError: 12,
  timeLimit: 13,
  success: 15,
  memoryLimit: 17,
  illegalCall: 19,
  overload: 21,
} as const

export interface JobeResult {
  readonly run_id: string | null
  readonly outcome: number
  readonly cmpinfo: string
  readonly stdout: string
  readonly stderr: string
}

/** Returns what is answered to a run that did not begin, since there is no room for it. */
export function overloaded(): JobeResult {
  return { run_id: '0', outcome: OUTCOMES.overload, cmpinfo: '', stdout: '', stderr: '' }
}

/**
 * Returns an outcome in the words of Jobe.
 * @param isCompiled whether Jobe compiles programs of the language before it runs them
 */
export function presentOutcome(id: string, outcome: RunOutcome, isCompiled: boolean): JobeResult {
  const { end, signal } = outcome
  const [stdout, stderr] = [outcome.stdout.toString(), outcome.stderr.toString()]
  const told = { run_id: id, cmpinfo: '', stdout, stderr }
  if (isCompiled && isSyntaxError(outcome)) {
    return { ...told, outcome: OUTCOMES.compilationError, cmpinfo: stderr, stderr: '' }
  }
  if (end === 'time') return { ...told, outcome: OUTCOMES.timeLimit, stderr: '' }
  if (end === 'memory') return { ...told, outcome: OUTCOMES.memoryLimit }
  const said = stderr === '' || stderr.endsWith('\n') ? stderr : `${stderr}\n`
  if (end === 'refused' || end === 'interfered') {
    return { ...told, outcome: OUTCOMES.illegalCall, stderr: said + outcomeDetail(outcome) }
  }
  if (end === 'signal') {
    const words = `warning: command terminated with signal ${signal}\n`
    return { ...told, outcome: OUTCOMES.runtimeError, stderr: signal === 11 ? '' : said + words }
  }
  if (end === 'exit') {
    // By what it has written to stderr, whatever its exit code is.
    return { ...told, outcome: stderr === '' ? OUTCOMES.success : OUTCOMES.runtimeError }
  }
  return { ...told, outcome: OUTCOMES.runtimeError, stderr: `${said}${outcomeDetail(outcome)}\n` }
}

/** Whether Python could not compile the program itself: there is no frame of a program in the traceback. */
function isSyntaxError({ error, stdout }: RunOutcome): boolean {
  if (error === null || stdout.length > 0) return false
  const isOfSyntax = ['SyntaxError', 'IndentationError', 'TabError'].includes(error.name)
  return isOfSyntax && !/^ {2}File .*, in /m.test(error.traceback)
}
