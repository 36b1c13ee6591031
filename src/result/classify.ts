import type { RunLimits } from '../config.ts'
import { type CodeResult, EMPTY_RESULT } from '../contract/code-result.ts'
import { codeUnsafe } from '../contract/refusals.ts'
import { isJson } from '../lib/json-text.ts'
import type { Failure } from '../supervisor/protocol.ts'
import { acceptArtifacts } from './artifacts.ts'
import type { RunFacts } from './facts.ts'

/** errno values of errno(3) and their names. */
const EPERM = 1
const EACCES = 13
const SIGKILL = 9
/** 128 + SIGXFSZ, what a shell calls a program that wrote too much; the contract names no code. */
const OUTPUT_EXIT_CODE = -153

/** Deeper, and a client's JSON reader fails on the whole answer: Python's ends at less than 1000. */
const MAX_RESULT_DEPTH = 500

/** The kernel charges memory to a cgroup in batches of 64 pages: below that it cannot tell. */
const MEMORY_STEP_KB = 256

/**
 * Decides how a run ended, from facts alone: no text of the program is ever searched.
 *
 * What the kernel counted outside of the sandbox goes before what the sandbox said. The first cause
 * wins: a program that is killed at its time limit did not crash.
 */
export function classify(facts: RunFacts, limits: RunLimits): CodeResult {
  const { transcript, intervention } = facts
  const { report, refused, violation } = transcript
  const base = {
    ...EMPTY_RESULT,
    time_used_ms: round(facts.wallTimeMs),
    memory_used_kb:
      MEMORY_STEP_KB * Math.max(1, Math.ceil(facts.peakMemoryBytes / 1024 / MEMORY_STEP_KB)),
  }
  const cleanExit = report?.cause === 'ended' && report.exitCode === 0 && report.signal === 0

  if (facts.outOfMemoryKills > 0 && !cleanExit) {
    return {
      ...base,
      status: 'resource_limit_exceeded',
      exit_code: -137,
      stderr: 'Memory limit exceeded (killed by OOM)',
      resource_limit_type: 'memory',
    }
  }
  if (intervention === 'deadline' || report?.cause === 'wall_time') {
    return {
      ...base,
      status: 'resource_limit_exceeded',
      exit_code: -124,
      stderr: 'Execution timeout',
      resource_limit_type: 'time',
    }
  }
  if (violation === 'output' || report?.cause === 'output') {
    return {
      ...base,
      status: 'resource_limit_exceeded',
      exit_code: OUTPUT_EXIT_CODE,
      stderr: 'Output limit exceeded',
      resource_limit_type: 'output',
    }
  }
  if (violation === 'protocol') {
    return programError(base, 1, 'The program interfered with its sandbox.')
  }
  if (refused !== null) return codeUnsafe(refused)
  // No report: the program ended its own supervisor, and its sandbox with it.
  const signal = report ? report.signal : SIGKILL
  if (!report || signal > 0) {
    return {
      ...base,
      status: 'runtime_error',
      exit_code: 128 + signal,
      stderr: text(transcript.stderr),
      runtime_error_type: 'signalled',
    }
  }
  if (report.exitCode !== 0) {
    return failed(base, report.exitCode, text(transcript.stderr), facts)
  }
  const { result } = transcript
  if (result !== null && !isJson(result, MAX_RESULT_DEPTH)) {
    const message = `The result is not JSON, or nested more than ${MAX_RESULT_DEPTH} deep.`
    return programError(base, 1, message)
  }
  return {
    ...base,
    status: 'success',
    exit_code: 0,
    stdout: text(transcript.stdout),
    stderr: text(transcript.stderr),
    detail: report.artifactsLeftOut > 0 ? leftOut(report.artifactsLeftOut, limits) : null,
    artifacts: acceptArtifacts(transcript.artifacts, limits),
    resultJson: result === null ? null : result.toString('utf8'),
  }
}

type Base = Omit<CodeResult, 'status' | 'exit_code'>

/** The program ended with an exit code of its own; the runner may have said of what. */
function failed(base: Base, exitCode: number, stderr: string, facts: RunFacts): CodeResult {
  const { failure } = facts.transcript
  if (failure?.memory) {
    return {
      ...base,
      status: 'resource_limit_exceeded',
      exit_code: exitCode,
      stderr,
      resource_limit_type: 'memory',
    }
  }
  const denied = deniedAccess(failure, facts.refusedConnections)
  if (denied) {
    return {
      ...base,
      status: 'unauthorized_access',
      exit_code: exitCode,
      stderr,
      unauthorized_access_type: denied,
    }
  }
  return programError(base, exitCode, stderr)
}

function programError(base: Base, exitCode: number, stderr: string): CodeResult {
  return {
    ...base,
    status: 'program_error',
    exit_code: exitCode,
    stderr,
    runtime_error_type: 'nonzero_exit',
  }
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

function leftOut(count: number, limits: RunLimits): string {
  const mib = limits.artifactBytes / 1024 ** 2
  return `${count} artifacts left out: at most ${limits.artifacts}, ${mib} MiB each`
}

/** Bytes that are not UTF-8 become U+FFFD. */
function text(chunks: readonly Buffer[]): string {
  return Buffer.concat(chunks).toString('utf8')
}

function round(ms: number): number {
  return Math.round(ms * 1000) / 1000
}
