import { mediaTypeOf } from '../../run/media-types.ts'
import type { Denied, OutputFile, RunOutcome } from '../../run/types.ts'
import { flatNames } from './artifact-names.ts'
import { type Artifact, type CodeResult, EMPTY_RESULT, type ResultStatus } from './code-result.ts'
import { codeUnsafe } from './fixed-responses.ts'

/** 128 + SIGXFSZ, what a shell calls a program that wrote too much; the contract names no code. */
const OUTPUT_EXIT_CODE = -153
const TIMEOUT_EXIT_CODE = -124
const OUT_OF_MEMORY_EXIT_CODE = -137

const DENIED: Readonly<Record<Denied, NonNullable<CodeResult['unauthorized_access_type']>>> = {
  network: 'network_access',
  file: 'file_access',
  syscall: 'disallowed_syscall',
}

/**
 * Returns an outcome in the words of RAGFlow's contract. Result and files are shown after a success only, and
 * stdout then too: RAGFlow takes for the result what stands there.
 */
export function presentOutcome(outcome: RunOutcome): CodeResult {
  switch (outcome.end) {
    case 'memory':
      return overMemory(outcome)
    case 'time':
      return overLimit(outcome, 'time', TIMEOUT_EXIT_CODE, 'Execution timeout')
    case 'output':
      return overLimit(outcome, 'output', OUTPUT_EXIT_CODE, 'Output limit exceeded')
    case 'interfered':
    case 'result':
      // Our words only: what such a program printed to stderr may be forged.
      return { ...programError(outcome, 1), stderr: outcome.detail ?? '', detail: null }
    case 'refused':
      return codeUnsafe(outcome.detail ?? '')
    case 'signal':
      return {
        ...ended(outcome, 'runtime_error', 128 + (outcome.signal ?? 0)),
        runtime_error_type: 'signalled',
      }
    case 'exit':
      if (outcome.exitCode === 0) return success(outcome)
      if (outcome.denied === null) return programError(outcome, outcome.exitCode ?? 1)
      return {
        ...ended(outcome, 'unauthorized_access', outcome.exitCode ?? 1),
        unauthorized_access_type: DENIED[outcome.denied],
      }
  }
}

function success(outcome: RunOutcome): CodeResult {
  return {
    ...measured(outcome),
    status: 'success',
    exit_code: 0,
    stdout: text(outcome.stdout),
    stderr: text(outcome.stderr),
    detail: outcome.detail,
    artifacts: artifactsOf(outcome.files),
    resultJson: outcome.resultJson,
  }
}

/** An error that the program raised itself keeps its exit code and its own words. */
function overMemory(outcome: RunOutcome): CodeResult {
  if (outcome.exitCode === null) {
    const words = 'Memory limit exceeded (killed by OOM)'
    return overLimit(outcome, 'memory', OUT_OF_MEMORY_EXIT_CODE, words)
  }
  return overLimit(outcome, 'memory', outcome.exitCode)
}

function overLimit(
  outcome: RunOutcome,
  type: NonNullable<CodeResult['resource_limit_type']>,
  exitCode: number,
  words?: string,
): CodeResult {
  return {
    ...ended(outcome, 'resource_limit_exceeded', exitCode, words),
    resource_limit_type: type,
  }
}

function programError(outcome: RunOutcome, exitCode: number): CodeResult {
  return { ...ended(outcome, 'program_error', exitCode), runtime_error_type: 'nonzero_exit' }
}

/** @param words ours, which come first: they say why it ended */
function ended(
  outcome: RunOutcome,
  status: ResultStatus,
  exitCode: number,
  words?: string,
): CodeResult {
  const own = text(outcome.stderr)
  return {
    ...measured(outcome),
    status,
    exit_code: exitCode,
    stderr: words && own ? `${words}\n${own}` : (words ?? own),
    partial_stdout: text(outcome.stdout),
    detail: outcome.detail,
  }
}

function measured({ usage }: RunOutcome) {
  return {
    ...EMPTY_RESULT,
    time_used_ms: Math.round(usage.wallMs * 1000) / 1000,
    memory_used_kb: usage.peakMemoryBytes / 1024,
  }
}

function artifactsOf(files: readonly OutputFile[]): Artifact[] {
  const names = flatNames(files.map(({ path }) => path))
  return files.map(({ path, content }, index) => ({
    name: names[index] as string,
    mime_type: mediaTypeOf(path),
    size: content.length,
    content,
  }))
}

/** Bytes that are not UTF-8 become U+FFFD. */
function text(bytes: Buffer): string {
  return bytes.toString('utf8')
}
