import type { RunEnd, RunOutcome } from '../../run/types.ts'
import { outcomeDetail, signalName } from '../v1/present.ts'

/** What Dify is told of a run. */
export interface DifyResult {
  readonly stdout: string
  readonly stderr: string
  /** Empty when the exit code is 0, whatever stderr contains, because Dify fails the node otherwise. */
  readonly error: string
  readonly exit_code: number
}

/** What Dify's sandbox says of a program that did not end by itself. */
const ENDS: Readonly<Record<Exclude<RunEnd, 'exit' | 'signal'>, string>> = {
  time: 'error: timeout',
  memory: 'error: memory limit exceeded',
  output: 'error: output limit exceeded',
  refused: 'error: operation not permitted',
  interfered: 'error: operation not permitted',
  result: 'error: result not readable',
}

/** Signals as Go names them, because Dify's sandbox is written in Go. */
const SIGNALS: Readonly<Record<string, string>> = {
  SIGABRT: 'aborted',
  SIGFPE: 'floating point exception',
  SIGILL: 'illegal instruction',
  SIGKILL: 'killed',
  SIGSEGV: 'segmentation fault',
  SIGTERM: 'terminated',
}

/** Tells an outcome in the words of Dify's sandbox. */
export function presentOutcome(outcome: RunOutcome): DifyResult {
  const stdout = outcome.stdout.toString()
  const stderr = outcome.stderr.toString()
  const exit_code = outcome.end === 'exit' ? (outcome.exitCode ?? -1) : -1
  const error =
    exit_code === 0 ? '' : `process exited with code ${exit_code}\n${own(outcome)}${stderr}`
  return { stdout, stderr, error, exit_code }
}

/** What the sandbox itself has to say: a line, and for what Dify's does not have the reason behind it. */
function own(outcome: RunOutcome): string {
  const { end, signal } = outcome
  if (end === 'exit') return ''
  if (end === 'time') return `${ENDS.time}\n`
  if (end !== 'signal') return `${ENDS[end]}\n${outcomeDetail(outcome)}\n`
  const name = signalName(signal ?? 0)
  return `error: signal: ${SIGNALS[name] ?? name}\n`
}
