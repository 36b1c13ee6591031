import { constants } from 'node:os'
import type { JudgeLanguage } from './languages.ts'
import { ADDITIONAL, FLAGS, NUMBERS } from './read-request.ts'
import type { StoredOutcome, Submission } from './submissions.ts'

/** What Judge0 says of submissions; the id is a place in it, from 1. */
const STATUSES = [
  'In Queue',
  'Processing',
  'Accepted',
  'Wrong Answer',
  'Time Limit Exceeded',
  'Compilation Error',
  'Runtime Error (SIGSEGV)',
  'Runtime Error (SIGXFSZ)',
  'Runtime Error (SIGFPE)',
  'Runtime Error (SIGABRT)',
  'Runtime Error (NZEC)',
  'Runtime Error (Other)',
  'Internal Error',
  'Exec Format Error',
] as const

/** What `/statuses` answers. */
export const statuses = STATUSES.map((description, index) => ({ id: index + 1, description }))

const ID = (description: (typeof STATUSES)[number]) => STATUSES.indexOf(description) + 1
const OF_SIGNAL: Readonly<Record<string, number>> = {
  SIGSEGV: ID('Runtime Error (SIGSEGV)'),
  SIGXFSZ: ID('Runtime Error (SIGXFSZ)'),
  SIGFPE: ID('Runtime Error (SIGFPE)'),
  SIGABRT: ID('Runtime Error (SIGABRT)'),
  // Another name of the same number.
  SIGIOT: ID('Runtime Error (SIGABRT)'),
}
const OF_END: Readonly<Record<string, number>> = {
  timed_out: ID('Time Limit Exceeded'),
  // Judge0 limits the file that the output goes to.
  output_limit: ID('Runtime Error (SIGXFSZ)'),
  lost: ID('Internal Error'),
}

export const DEFAULT_FIELDS = [
  'stdout',
  'time',
  'memory',
  'stderr',
  'token',
  'compile_output',
  'message',
  'status',
] as const
const FIELDS: readonly string[] = [
  ...DEFAULT_FIELDS,
  ...['source_code', 'language_id', 'stdin', 'expected_output', 'status_id', 'created_at'],
  ...['finished_at', 'exit_code', 'exit_signal', 'wall_time', 'language', 'compiler_options'],
  ...['command_line_arguments', 'callback_url', ADDITIONAL, ...NUMBERS, ...FLAGS],
]

/**
 * Reads the fields that a request asks for.
 * @param text names with commas between, or `*`
 * @returns the names, or those that there are not
 */
export function fieldsIn(text: unknown): readonly string[] | { readonly unknown: string[] } {
  if (typeof text !== 'string' || text === '') return DEFAULT_FIELDS
  const names = [...new Set(text.split(',').map((name) => name.trim()))]
  if (names.includes('*')) return FIELDS
  const unknown = names.filter((name) => !FIELDS.includes(name))
  return unknown.length > 0 ? { unknown } : names
}

/** Returns a submission in the words of Judge0. */
export function presentSubmission(
  submission: Submission,
  fields: readonly string[],
  isBase64: boolean,
  languages: readonly JudgeLanguage[],
): Record<string, unknown> {
  const { run, outcome, values, combined } = submission
  const text = (bytes: Buffer | null | undefined) => {
    if (!bytes) return null
    return isBase64 ? inLines(bytes) : bytes.toString()
  }
  const output = (bytes: Buffer | undefined) => (bytes?.length ? text(bytes) : null)
  const seconds = (ms: number | undefined) => (ms === undefined ? null : (ms / 1000).toFixed(3))
  const timeOf = (ms: number | null) => (ms === null ? null : new Date(ms).toISOString())
  const statusId = statusOf(submission)
  const said = messageOf(submission, statusId)
  const id = Number(values.language_id)
  const all: Record<string, unknown> = {
    ...values,
    stdout: output(combined ?? outcome?.stdout),
    stderr: combined ? null : output(outcome?.stderr),
    compile_output: null,
    message: said === null ? null : text(Buffer.from(said)),
    time: seconds(outcome?.usage.cpu_ms),
    wall_time: seconds(outcome?.usage.wall_ms),
    memory: outcome ? Math.round(outcome.usage.peak_memory_bytes / 1024) : null,
    exit_code: outcome?.exitCode ?? null,
    exit_signal: outcome?.signal ? (constants.signals[outcome.signal as 'SIGKILL'] ?? null) : null,
    token: run.id,
    status: statuses[statusId - 1],
    status_id: statusId,
    language_id: id,
    language: { id, name: languages.find((language) => language.id === id)?.name ?? '' },
    created_at: timeOf(run.createdMs),
    finished_at: timeOf(run.endedMs),
    source_code: text(submission.source),
    stdin: text(submission.stdin),
    expected_output: text(submission.expected),
    additional_files: submission.additional && inLines(submission.additional),
  }
  return Object.fromEntries(fields.map((name) => [name, all[name] ?? null]))
}

/** Returns the id of a submission's status. */
export function statusOf({ run, outcome, isRight }: Submission): number {
  if (run.state === 'queued') return ID('In Queue')
  if (run.state === 'running') return ID('Processing')
  if (outcome === null) return ID('Internal Error')
  if (outcome.status === 'succeeded') return isRight ? ID('Accepted') : ID('Wrong Answer')
  return statusOfFailure(outcome)
}

function statusOfFailure({ status, exitCode, signal }: StoredOutcome): number {
  const ofEnd = OF_END[status]
  if (ofEnd !== undefined) return ofEnd
  if (signal !== null) return OF_SIGNAL[signal] ?? ID('Runtime Error (Other)')
  return exitCode === null ? ID('Runtime Error (Other)') : ID('Runtime Error (NZEC)')
}

function messageOf({ run, outcome }: Submission, statusId: number): string | null {
  if (run.state !== 'ended' || statusId === ID('Accepted') || statusId === ID('Wrong Answer')) {
    return null
  }
  if (outcome === null) return run.detail
  const { status, exitCode, signal, detail } = outcome
  if (status === 'timed_out') return 'Time limit exceeded'
  if (status !== 'failed') return detail
  if (exitCode !== null) return `Exited with error status ${exitCode}`
  const number = signal && constants.signals[signal as 'SIGKILL']
  return number ? `Caught fatal signal ${number}` : detail
}

/** Base64 as Ruby writes it: lines of 60 characters, each with its end. */
function inLines(bytes: Buffer): string {
  return bytes.toString('base64').replace(/.{1,60}/g, '$&\n')
}
