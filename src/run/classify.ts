import { type CodeResult, EMPTY_RESULT, type ResultStatus } from '../api/ragflow/code-result.ts'
import { codeUnsafe } from '../api/ragflow/fixed-responses.ts'
import type { Failure } from '../supervisor/protocol.ts'
import { acceptArtifacts } from './artifacts.ts'
import { checkResult } from './check-result.ts'
import {
  lastCommandDetail,
  leftOutDetail,
  NO_NETWORK,
  outputDetail,
  printable,
  sentences,
  signalDetail,
} from './detail.ts'
import type { RunRecord } from './record.ts'
import type { RunLimits } from './types.ts'

/** errno values of errno(3) and their names. */
const EPERM = 1
const EACCES = 13
const SIGKILL = 9
/** 128 + SIGXFSZ, what a shell calls a program that wrote too much; the contract names no code. */
const OUTPUT_EXIT_CODE = -153

/** The kernel charges memory to a cgroup in batches of 64 pages: below that it cannot tell. */
const MEMORY_STEP_KB = 256

/**
 * Decides how a run ended, from facts alone: no text of the program is ever searched.
 *
 * What the kernel counted outside of the sandbox goes before what the sandbox said. The first cause
 * wins: a program that is killed at its time limit did not crash.
 * @param check what is wrong with a result, where that is known already
 */
export function classify(
  facts: RunRecord,
  limits: RunLimits,
  check: (result: Buffer) => string | null = checkResult,
): CodeResult {
  const { transcript, intervention } = facts
  const { report, refused, violation } = transcript
  const base = {
    ...EMPTY_RESULT,
    time_used_ms: round(facts.wallTimeMs),
    memory_used_kb:
      MEMORY_STEP_KB * Math.max(1, Math.ceil(facts.peakMemoryBytes / 1024 / MEMORY_STEP_KB)),
  }
  const ended = (status: ResultStatus, exitCode: number, words?: string): CodeResult => {
    const own = text(transcript.stderr)
    return {
      ...base,
      status,
      exit_code: exitCode,
      // Our words first: they say why it ended.
      stderr: words && own ? `${words}\n${own}` : (words ?? own),
      partial_stdout: text(transcript.stdout),
    }
  }
  const cleanExit = report?.cause === 'ended' && report.exitCode === 0 && report.signal === 0

  if (facts.outOfMemoryKills > 0 && !cleanExit) {
    const words = 'Memory limit exceeded (killed by OOM)'
    return overLimit(ended('resource_limit_exceeded', -137, words), 'memory')
  }
  if (intervention === 'deadline' || report?.cause === 'wall_time') {
    return overLimit(ended('resource_limit_exceeded', -124, 'Execution timeout'), 'time')
  }
  if (violation === 'output' || report?.cause === 'output') {
    const answer = ended('resource_limit_exceeded', OUTPUT_EXIT_CODE, 'Output limit exceeded')
    const flooded = transcript.flooded ?? report?.flooded ?? null
    return { ...overLimit(answer, 'output'), detail: outputDetail(flooded, limits) }
  }
  if (violation === 'protocol') {
    return {
      ...programError(ended('program_error', 1)),
      stderr: 'The program interfered with its sandbox.',
    }
  }
  if (refused !== null) return codeUnsafe(refused)
  // No report: the program ended its own supervisor, and its sandbox with it.
  const signal = report ? report.signal : SIGKILL
  if (!report || signal > 0) {
    return {
      ...ended('runtime_error', 128 + signal),
      detail: signalDetail(signal),
      runtime_error_type: 'signalled',
    }
  }
  if (report.exitCode !== 0) return failed(ended('program_error', report.exitCode), facts)
  const { result } = transcript
  const wrong = result === null ? null : check(result)
  if (wrong !== null) return { ...programError(ended('program_error', 1)), stderr: wrong }
  const { artifacts, leftOut } = acceptArtifacts(transcript.artifacts, transcript.leftOut, limits)
  const notSent = Math.max(report.artifactsLeftOut, transcript.leftOut.length)
  const notTold = notSent - transcript.leftOut.length
  return {
    ...base,
    status: 'success',
    exit_code: 0,
    stdout: text(transcript.stdout),
    stderr: text(transcript.stderr),
    detail: sentences(
      transcript.note && printable(transcript.note),
      leftOutDetail(leftOut, leftOut.length + notTold, limits),
    ),
    artifacts,
    resultJson: result === null ? null : result.toString('utf8'),
  }
}

function overLimit(answer: CodeResult, type: CodeResult['resource_limit_type']): CodeResult {
  return { ...answer, status: 'resource_limit_exceeded', resource_limit_type: type }
}

/** The program ended with an exit code of its own; the runner may have said of what. */
function failed(answer: CodeResult, facts: RunRecord): CodeResult {
  const { failure } = facts.transcript
  if (failure?.memory) return overLimit(answer, 'memory')
  const denied = deniedAccess(failure, facts.refusedConnections)
  if (denied) {
    return { ...answer, status: 'unauthorized_access', unauthorized_access_type: denied }
  }
  const detail = sentences(
    failure?.lastCommand ? lastCommandDetail(answer.exit_code) : null,
    failure?.network && !facts.hasNetwork ? NO_NETWORK : null,
  )
  return { ...programError(answer), detail }
}

function programError(answer: CodeResult): CodeResult {
  return { ...answer, runtime_error_type: 'nonzero_exit' }
}

function deniedAccess(
  failure: Failure | null,
  refusedConnections: number,
): CodeResult['unauthorized_access_type'] {
  if (failure?.network && refusedConnections > 0) return 'network_access'
  if (failure?.errno === EACCES || failure?.code === 'EACCES') return 'file_access'
  if (failure?.errno === EPERM || failure?.code === 'EPERM') return 'disallowed_syscall'
  return null
}

/** Bytes that are not UTF-8 become U+FFFD. */
function text(chunks: readonly Buffer[]): string {
  return Buffer.concat(chunks).toString('utf8')
}

function round(ms: number): number {
  return Math.round(ms * 1000) / 1000
}
