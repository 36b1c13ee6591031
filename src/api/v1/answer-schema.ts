import { z } from 'zod'
import { PROBLEMS, type ProblemName } from './problems.ts'
import { limits } from './request-schema.ts'

/** What an answer says. The OpenAPI document is made from these schemas; the tests check answers by them. */

export const STATUSES = [
  'succeeded',
  'failed',
  'timed_out',
  'out_of_memory',
  'output_limit',
  'refused',
  'canceled',
  'lost',
] as const

const ms = z.number().nonnegative()
const bytes = z.int().nonnegative()

const runError = z
  .strictObject({
    name: z.string(),
    message: z.string(),
    traceback: z.string().describe('As the language prints it.'),
    line: z.int().positive().nullable().describe('Of the code that was sent, from 1.'),
  })
  .meta({ id: 'RunError' })

const outputFile = z
  .strictObject({
    path: z.string(),
    size: bytes,
    media_type: z.string(),
    content_base64: z.string(),
  })
  .meta({ id: 'OutputFile' })

const fileLeftOut = z
  .strictObject({
    path: z.string(),
    size: bytes,
    reason: z.enum(['number', 'size', 'time', 'unreadable', 'name']),
  })
  .meta({ id: 'FileLeftOut' })

const display = z.record(z.string(), z.unknown()).meta({
  id: 'MimeBundle',
  description: 'One thing in several forms, by media type. Binary forms are base64.',
})

const usage = z
  .strictObject({ wall_ms: ms, cpu_ms: ms, peak_memory_bytes: bytes })
  .meta({ id: 'Usage' })

const timings = z.strictObject({ queue_ms: ms, execute_ms: ms, collect_ms: ms }).meta({
  id: 'Timings',
  description: 'Where the time went: waiting for an executor, running, making the outcome.',
})

export const outcome = z
  .strictObject({
    id: z.string(),
    status: z
      .enum(STATUSES)
      .describe('How the run ended. A program that fails is no error of HTTP: that is 200.'),
    exit_code: z.int().nullable().describe('null unless the program ended by itself.'),
    signal: z.string().nullable().describe('The signal that ended it, such as SIGSEGV.'),
    stdout: z.string().describe('Bytes that are not UTF-8 become U+FFFD.'),
    stderr: z.string(),
    stdout_truncated: z.boolean(),
    stderr_truncated: z.boolean(),
    result: z
      .unknown()
      .describe(
        'What main returned, as JSON; of a cell, the value of its last expression as a MimeBundle; null: nothing.',
      ),
    displays: z.array(display).describe('What a cell displayed, in order, beside its value.'),
    error: runError.nullable(),
    files: z.array(outputFile).describe('Files that the program made or changed.'),
    files_left_out: z.array(fileLeftOut).describe('Files that are not among them, and why.'),
    usage,
    timings,
    detail: z.string().describe('What happened, in a sentence or two for a person.'),
  })
  .meta({ id: 'Outcome' })

export type RunStatus = z.infer<typeof outcome>['status']

export const problem = z
  .object({
    type: z.enum(
      Object.keys(PROBLEMS).map((name) => `/problems/${name}`) as [
        `/problems/${ProblemName}`,
        ...`/problems/${ProblemName}`[],
      ],
    ),
    title: z.string(),
    status: z.int().min(400).max(599),
    detail: z.string().describe('What is wrong with this request; names the field.'),
    instance: z.string().describe('The request, as in the header X-Request-Id.'),
    errors: z
      .array(
        z.strictObject({
          pointer: z.string().describe('JSON Pointer of the field.'),
          detail: z.string(),
        }),
      )
      .optional()
      .describe('All that is wrong with the request.'),
  })
  .meta({ id: 'Problem', description: 'RFC 9457' })

const storedFile = z
  .strictObject({
    path: z.string(),
    size: bytes,
    media_type: z.string(),
    url: z.string().describe('Where its content is, for as long as the run is kept.'),
  })
  .meta({ id: 'StoredFile' })

export const storedOutcome = z
  .strictObject({
    ...outcome.shape,
    files: z.array(storedFile).describe('Files that the program made or changed.'),
  })
  .meta({ id: 'StoredOutcome', description: 'The outcome of an accepted run.' })

const time = z.iso.datetime()

const acceptedRun = z.strictObject({
  id: z.string(),
  status: z.enum(['queued', 'running', ...STATUSES]),
  detail: z.string().describe('What happens or has happened, for a person.'),
  template: z.string(),
  created_at: time,
  started_at: time.nullable(),
  ended_at: time.nullable(),
  expires_at: time.nullable().describe('When it is removed; null: not before it has ended.'),
})

export const runSummary = acceptedRun.meta({ id: 'RunSummary' })

export type RunSummary = z.infer<typeof runSummary>

export const runState = z
  .strictObject({
    ...acceptedRun.shape,
    outcome: storedOutcome.nullable().describe('null: it has not ended, or has no outcome.'),
    problem: problem.nullable().describe('Why a run that has ended has no outcome.'),
  })
  .meta({ id: 'RunState', description: 'An accepted run.' })

export const runList = z
  .strictObject({
    runs: z.array(runSummary).describe('The youngest first.'),
    next: z.string().nullable().describe('For `before`: the next page; null: this is the last.'),
  })
  .meta({ id: 'RunList' })

export const runCompleted = z
  .strictObject({
    type: z.literal('run.completed'),
    timestamp: time.describe('When the run ended.'),
    data: z.strictObject({
      id: z.string(),
      status: z.enum(STATUSES),
      detail: z.string(),
      url: z.string().describe('Where the run is.'),
    }),
  })
  .meta({ id: 'RunCompleted', description: 'What is sent to callback.url.' })

export const batchResult = z
  .union([outcome, z.strictObject({ problem })])
  .meta({ id: 'BatchResult', description: 'An outcome, or why there is none.' })

export const batchAnswer = z
  .strictObject({ results: z.array(batchResult).describe('In the order of the request.') })
  .meta({ id: 'BatchAnswer' })

const template = z
  .strictObject({
    name: z.string(),
    languages: z.array(z.string()).describe('Names that a run may say as language.'),
    version: z.string().nullable().describe('Of the language; null: not known.'),
    modes: z.array(z.string()),
    libraries: z.array(z.strictObject({ name: z.string(), version: z.string().nullable() })),
    preloaded: z
      .array(z.string())
      .describe(
        'Modules that are loaded before a program comes that names them: importing them takes no time.',
      ),
    network: z.enum(['none', 'egress']),
    limits: limits.required(),
  })
  .meta({ id: 'Template' })

export const templates = z.strictObject({ templates: z.array(template) }).meta({ id: 'Templates' })

export type TemplateAnswer = z.infer<typeof template>

export const status = z
  .strictObject({
    status: z.literal('ok'),
    version: z.string(),
    uptime_ms: ms,
    queued: z.int().nonnegative().describe('Runs that wait for an executor.'),
    executors: z.array(
      z.strictObject({ pool: z.string(), state: z.string(), count: z.int().nonnegative() }),
    ),
  })
  .meta({ id: 'Status' })

export type StatusAnswer = z.infer<typeof status>

/** Events of a run's stream, by name: what stands in `data`. */
export const events = {
  started: z.strictObject({ id: z.string(), queue_ms: ms }).describe('The run has an executor.'),
  stdout: z.strictObject({ text: z.string() }).describe('The program has written to stdout.'),
  stderr: z.strictObject({ text: z.string() }).describe('The program has written to stderr.'),
  display: z.strictObject({ data: display }).describe('The program shows something.'),
  done: outcome.describe('The run has ended; the last event.'),
  error: problem.describe('There is no outcome; the last event.'),
}
