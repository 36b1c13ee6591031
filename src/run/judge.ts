import { acceptFiles } from './artifacts.ts'
import { checkResult } from './check-result.ts'
import {
  cpuTimeDetail,
  INTERFERED,
  lastCommandDetail,
  leftOutDetail,
  NO_NETWORK,
  outputDetail,
  printable,
  sentences,
  signalDetail,
} from './detail.ts'
import type { Failure, RunRecord, Transcript } from './record.ts'
import type { Denied, LeftOut, RunError, RunLimits, RunOutcome } from './types.ts'

/** errno values of errno(3) and their names. */
const EPERM = 1
const EACCES = 13
const SIGKILL = 9

/** The kernel charges memory to a cgroup in batches of 64 pages: below that it cannot tell. */
const MEMORY_STEP_BYTES = 256 * 1024

/** An outcome without the times that only the dispatcher knows. */
export type Verdict = Omit<RunOutcome, 'timings'>

type Ending = Pick<RunOutcome, 'end'> &
  Partial<Pick<RunOutcome, 'exitCode' | 'signal' | 'flooded' | 'denied' | 'detail'>>

/**
 * Decides how a run ended, from facts alone: no text of the program is ever searched.
 *
 * What the kernel counted outside of the sandbox goes before what the sandbox said. The first cause
 * wins: a program that is killed at its time limit did not crash.
 * @param check says what is wrong with a result, null: nothing; called where there is a result
 */
export function judge(
  record: RunRecord,
  limits: RunLimits,
  check: (result: Buffer) => string | null = checkResult,
): Verdict {
  const { transcript } = record
  const { result } = transcript
  const fault = result === null ? null : check(result)
  const { files, leftOut } = acceptFiles(transcript.artifacts, transcript.leftOut, limits)
  return {
    exitCode: null,
    signal: null,
    flooded: null,
    denied: null,
    detail: null,
    ...endingOf(record, limits, fault, leftOut),
    stdout: Buffer.concat(transcript.stdout),
    stderr: Buffer.concat(transcript.stderr),
    error: errorOf(transcript),
    resultJson: resultOf(transcript, fault),
    displays: transcript.displays,
    files,
    filesLeftOut: leftOut,
    usage: {
      wallMs: record.wallTimeMs,
      cpuMs: record.cpuTimeMs,
      peakMemoryBytes:
        MEMORY_STEP_BYTES * Math.max(1, Math.ceil(record.peakMemoryBytes / MEMORY_STEP_BYTES)),
    },
  }
}

function resultOf({ result, value }: Transcript, fault: string | null): string | null {
  if (result !== null) return fault === null ? result.toString('utf8') : null
  return value === null ? null : JSON.stringify(value)
}

function endingOf(
  record: RunRecord,
  limits: RunLimits,
  resultFault: string | null,
  leftOut: readonly LeftOut[],
): Ending {
  const { transcript, intervention } = record
  const { report, refused, violation } = transcript
  const cleanExit = report?.cause === 'ended' && report.exitCode === 0 && report.signal === 0

  if (record.outOfMemoryKills > 0 && !cleanExit) return { end: 'memory' }
  if (intervention === 'cpu_time' && report?.cause !== 'ended') {
    return { end: 'time', detail: cpuTimeDetail(limits) }
  }
  if (report?.cause === 'told') return { end: 'interfered', detail: INTERFERED }
  if (intervention === 'deadline' || report?.cause === 'wall_time') return { end: 'time' }
  if (violation === 'output' || report?.cause === 'output') {
    const flooded = transcript.flooded ?? report?.flooded ?? null
    return { end: 'output', flooded, detail: outputDetail(flooded, limits) }
  }
  if (violation === 'protocol') return { end: 'interfered', detail: INTERFERED }
  if (refused !== null) return { end: 'refused', detail: refused }
  // No report: the program ended its own supervisor, and its sandbox with it.
  const signal = report ? report.signal : SIGKILL
  if (!report || signal > 0) return { end: 'signal', signal, detail: signalDetail(signal) }
  if (report.exitCode !== 0) return failed(report.exitCode, record)
  if (resultFault !== null) return { end: 'result', exitCode: 0, detail: resultFault }
  const notSent = Math.max(report.artifactsLeftOut, transcript.leftOut.length)
  const notTold = notSent - transcript.leftOut.length
  const detail = sentences(
    transcript.note && printable(transcript.note),
    leftOutDetail(leftOut, leftOut.length + notTold, limits),
  )
  return { end: 'exit', exitCode: 0, detail }
}

/** The program ended with an exit code of its own; the runner may have said of what. */
function failed(exitCode: number, record: RunRecord): Ending {
  const { failure, stderr } = record.transcript
  if (failure?.memory) return { end: 'memory', exitCode }
  const denied = deniedAccess(failure, record.refusedConnections)
  if (denied) return { end: 'exit', exitCode, denied }
  const words = lastWords(stderr)
  const detail = sentences(
    failure?.lastCommand && !SYNTAX_ERROR.test(words) ? lastCommandDetail(exitCode) : null,
    !record.hasNetwork && (failure?.network || UNREACHED.test(words)) ? NO_NETWORK : null,
  )
  return { end: 'exit', exitCode, detail }
}

/** What the shell, and what programs that a script starts, say in stderr: nothing else tells it of them. */
const SYNTAX_ERROR = /: line \d+: syntax error/
const UNREACHED =
  /Could not resolve (host|proxy)|name resolution|Name or service not known|unable to resolve host|Network is unreachable/i
const LAST_WORDS_BYTES = 8192

/** The end of an output, as text. */
function lastWords(stderr: readonly Buffer[]): string {
  let words = ''
  for (let index = stderr.length - 1; index >= 0 && words.length < LAST_WORDS_BYTES; index--) {
    words = (stderr[index] as Buffer).subarray(-LAST_WORDS_BYTES).toString('latin1') + words
  }
  return words.slice(-LAST_WORDS_BYTES)
}

function deniedAccess(failure: Failure | null, refusedConnections: number): Denied | null {
  if (failure?.network && refusedConnections > 0) return 'network'
  if (failure?.errno === EACCES || failure?.code === 'EACCES') return 'file'
  if (failure?.errno === EPERM || failure?.code === 'EPERM') return 'syscall'
  return null
}

/** A script's last command that failed is no error that has a name. */
function errorOf({ failure, printedError }: Transcript): RunError | null {
  if (!failure || failure.name === '') return null
  return { message: '', traceback: '', line: null, ...printedError, name: failure.name }
}
